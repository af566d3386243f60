/**
 * Who is at the other end of a loopback TCP connection: on Linux the kernel lists every socket with the user
 * who made it, so the row of the client's end tells. Reading the list walks the kernel's whole table, which
 * costs milliseconds; so it is read off the event loop, and one read answers for all connections that wait.
 * The read begins after the connection was accepted, so a living client is always in it. Anything else
 * (no such row, a socket already closed and so without owner, a list that cannot be read) is not let in.
 */
import { closeSync, openSync, read, readSync } from 'node:fs';
import { connect } from 'node:net';
import { endianness } from 'node:os';

const FILES = { 4: '/proc/net/tcp', 6: '/proc/net/tcp6' } as const;
/** `local remote` in such a row: two addresses in hex with a port of four digits. */
const KEY_LENGTH = { 4: 27, 6: 75 } as const;
/** The kernel hands out at most one page per read; a larger buffer saves nothing. */
const READ_BYTES = 16 * 1024;
/** Of a page each: between two turns of the event loop less than one walk of the whole table. */
const READS_IN_A_ROW = 8;
/** Up to this many keys searching the text is faster than taking every row apart. */
const FEW = 8;
/** 200 bytes a row: more sockets than one machine's ports. Beyond it the answer is no. */
const MAX_TABLE_BYTES = 32 * 1024 * 1024;

export interface LoopbackPair {
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly serverAddress: string;
  readonly serverPort: number;
}

/** Whether the check works on this system: tried with a connection of our own to a port we listen on. */
export function canCheckPeers(check: PeerCheck, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (works: boolean): void => {
      socket.destroy();
      resolve(works);
    };
    socket.once('error', () => finish(false));
    socket.once('connect', () => {
      const pair = {
        clientAddress: socket.localAddress!,
        clientPort: socket.localPort!,
        serverAddress: socket.remoteAddress!,
        serverPort: socket.remotePort!,
      };
      check.check(pair, (peer) => finish(peer === 'same'));
    });
  });
}

/** `unknown`: the connection is not in the list (any more), or the list cannot be read. Only `same` is let in. */
export type Peer = 'same' | 'other' | 'unknown';

interface Waiting {
  readonly pair: LoopbackPair;
  readonly answer: (peer: Peer) => void;
}

/** Asks for single connections, reads the table for many. Owns nothing between reads. */
export class PeerCheck {
  readonly #uid: number;
  #waiting: Waiting[] = [];
  #isReading = false;

  constructor(uid: number) {
    this.#uid = uid;
  }

  /** Calls `answer` once, later. */
  check(pair: LoopbackPair, answer: (peer: Peer) => void): void {
    this.#waiting.push({ pair, answer });
    if (!this.#isReading) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#isReading = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#answer(batch);
    }
    this.#isReading = false;
  }

  async #answer(batch: readonly Waiting[]): Promise<void> {
    const open = new Map(batch.map((one) => [one, rowKeys(one.pair)]));
    for (const family of [4, 6] as const) {
      // A client may reach an IPv4 address through an IPv6 socket, so both tables can hold its row.
      if (open.size > 0) await this.#look(family, open);
    }
    for (const one of open.keys()) one.answer('unknown');
  }

  async #look(family: 4 | 6, open: Map<Waiting, readonly string[]>): Promise<void> {
    const wanted = new Map<string, Waiting>();
    for (const [one, keys] of open) for (const key of keys) wanted.set(key, one);
    const found = (key: string, line: string): void => {
      const one = wanted.get(key)!;
      if (open.delete(one)) one.answer(ownerOf(line, this.#uid));
    };
    try {
      await readTable(FILES[family], (rows) => {
        if (wanted.size <= FEW) findFew(rows, wanted.keys(), found);
        else findMany(rows, KEY_LENGTH[family], wanted, found);
        return open.size > 0;
      });
    } catch {
      // Unreadable: those still open are answered at the end.
    }
  }
}

type Found = (key: string, line: string) => void;

/** Searches for each key. */
function findFew(rows: string, keys: Iterable<string>, found: Found): void {
  for (const key of keys) {
    const at = rows.indexOf(key);
    if (at >= 0) found(key, lineAt(rows, at));
  }
}

/** Looks every row up. */
function findMany(rows: string, keyLength: number, keys: ReadonlyMap<string, unknown>, found: Found): void {
  for (let start = 0; start < rows.length; start = rows.indexOf('\n', start) + 1) {
    const at = rows.indexOf(': ', start) + 2;
    const key = rows.slice(at, at + keyLength);
    if (keys.has(key)) found(key, lineAt(rows, at));
  }
}

function lineAt(rows: string, at: number): string {
  return rows.slice(rows.lastIndexOf('\n', at) + 1, rows.indexOf('\n', at));
}

/**
 * Reads a table, whole rows at a time, until the callback returns false. With few sockets the first read walks all
 * of the kernel's table, so that one is off the event loop; with many, each read gives a page, a few in a row.
 */
async function readTable(file: string, onRows: (rows: string) => boolean): Promise<void> {
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let rest = '';
    for (let total = 0, reads = 0; total < MAX_TABLE_BYTES; reads++) {
      const size =
        reads % READS_IN_A_ROW === 0
          ? await readLater(fd, buffer)
          : readSync(fd, buffer, 0, READ_BYTES, null);
      if (size === 0) return;
      total += size;
      const text = rest + buffer.toString('latin1', 0, size);
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      if (!onRows(text.slice(0, end))) return;
    }
  } finally {
    closeSync(fd);
  }
}

function readLater(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, size) => (error ? reject(error) : resolve(size)));
  });
}

/**
 * Reads a row as in the kernel's Documentation/networking/proc_net_tcp.rst. A socket whose process closed it
 * has no inode, and then a user of 0 that means nothing.
 */
export function ownerOf(line: string, uid: number): Peer {
  const fields = line.trim().split(/\s+/);
  if (!(Number(fields[9]) > 0)) return 'unknown';
  return fields[7] === String(uid) ? 'same' : 'other';
}

/** The ways the table may write this connection, seen from the client's end. */
export function rowKeys(pair: LoopbackPair, order: 'LE' | 'BE' = endianness()): string[] {
  const keys = new Set<string>();
  for (const mapped of [false, true]) {
    const local = hexAddress(pair.clientAddress, mapped, order);
    const remote = hexAddress(pair.serverAddress, mapped, order);
    if (local && remote)
      keys.add(`${local}:${hexPort(pair.clientPort)} ${remote}:${hexPort(pair.serverPort)}`);
  }
  return [...keys];
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** The kernel prints each 32-bit word of an address in the machine's byte order. */
function hexAddress(address: string, mapped: boolean, order: 'LE' | 'BE'): string | undefined {
  const bytes = addressBytes(address.startsWith('::ffff:') ? address.slice(7) : address);
  if (bytes === undefined) return undefined;
  const all = mapped && bytes.length === 4 ? [...new Array(10).fill(0), 0xff, 0xff, ...bytes] : bytes;
  let text = '';
  for (let at = 0; at < all.length; at += 4) {
    const word = all.slice(at, at + 4);
    if (order === 'LE') word.reverse();
    text += word.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('');
  }
  return text;
}

/** Only loopback addresses matter here, so of IPv6 only `::1` is known. */
function addressBytes(address: string): number[] | undefined {
  if (address === '::1') return [...new Array(15).fill(0), 1];
  const bytes = address.split('.').map(Number);
  return bytes.length === 4 && bytes.every((byte) => byte >= 0 && byte <= 255) ? bytes : undefined;
}
