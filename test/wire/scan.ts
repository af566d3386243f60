import { MessageScanner, type ScanHandler, type ScanRules } from '../../src/wire/scanner.ts';

/** What a relay does with a message: pass it on, leave it out, or send something else. */
export type Verdict = 'forward' | 'drop' | Buffer;

export interface Scan {
  /** One line for each message: how it was reported, its type, its length and what was collected of it. */
  readonly events: string[];
  /** What a relay that follows the rules in the scanner's header sent on. */
  readonly forwarded: Buffer;
  readonly atBoundary: boolean;
}

/** Cuts `bytes` at the given offsets (in any order). */
export function cut(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const sorted = [0, ...offsets.toSorted((a, b) => a - b), bytes.length];
  // Copies, so that reading beyond a chunk cannot find the next one by luck.
  return sorted.slice(1).map((end, i) => Buffer.from(bytes.subarray(sorted[i], end)));
}

/**
 * A relay in small, over a scanner: judges each message, checks that the events of each chunk are in order and
 * without gaps, and with `pausing` stops after every event and goes on with the rest of the chunk.
 */
export class Relay implements ScanHandler {
  readonly events: string[] = [];
  readonly #scanner: MessageScanner;
  readonly #judge: (type: number, index: number) => Verdict;
  readonly #pausing: boolean;
  readonly #out: Buffer[] = [];
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #expected = 0;
  #dropping = false;

  constructor(
    rules: ScanRules,
    judge: (type: number, index: number) => Verdict = () => 'forward',
    pausing = false,
  ) {
    this.#scanner = new MessageScanner(rules);
    this.#judge = judge;
    this.#pausing = pausing;
  }

  receive(chunk: Buffer): void {
    for (let rest = chunk; ; ) {
      this.#chunk = rest;
      this.#from = 0;
      this.#expected = 0;
      const events = this.events.length;
      const end = this.#scanner.scan(rest, this);
      if (end !== this.#expected)
        throw new Error(`scan returned ${end}, its events ended at ${this.#expected}`);
      this.#send(end);
      if (!this.#pausing || (this.events.length === events && end === 0)) return;
      rest = rest.subarray(end);
    }
  }

  result(): Scan {
    return { events: this.events, forwarded: Buffer.concat(this.#out), atBoundary: this.#scanner.atBoundary };
  }

  message(type: number, body: Buffer, start: number, end: number, held: Buffer, length: number): void {
    this.#event(`message ${type} ${length} ${body.toString('hex')}`, type, start, end, held);
    this.#dropping &&= end - start + held.length < length + 5;
  }

  passing(type: number, length: number, start: number, end: number, held: Buffer): void {
    this.#event(`passing ${type} ${length}`, type, start, end, held);
    this.#dropping &&= end - start + held.length < length + 5;
  }

  rest(_type: number, start: number, end: number): void {
    this.#range(start, end);
    if (this.#dropping) this.#from = end;
    if (this.#pausing) this.#scanner.stop();
  }

  #event(line: string, type: number, start: number, end: number, held: Buffer): void {
    this.#range(start, end);
    const verdict = this.#judge(type, this.events.length);
    this.events.push(line);
    this.#dropping = verdict !== 'forward';
    if (this.#pausing) this.#scanner.stop();
    if (verdict === 'forward') {
      if (held.length > 0 && start > 0)
        throw new Error('a message from an earlier chunk does not begin at 0');
      this.#out.push(Buffer.from(held));
      return;
    }
    this.#send(start);
    if (verdict !== 'drop') this.#out.push(verdict);
    this.#from = end;
  }

  #range(start: number, end: number): void {
    if (start !== this.#expected || end < start || end > this.#chunk.length) {
      throw new Error(`range ${start}-${end} after ${this.#expected} in ${this.#chunk.length} bytes`);
    }
    this.#expected = end;
  }

  #send(end: number): void {
    if (end > this.#from) this.#out.push(Buffer.from(this.#chunk.subarray(this.#from, end)));
    this.#from = end;
  }
}

export function scanAll(
  rules: ScanRules,
  chunks: readonly Buffer[],
  judge?: (type: number, index: number) => Verdict,
  pausing?: boolean,
): Scan {
  const relay = new Relay(rules, judge, pausing);
  for (const chunk of chunks) relay.receive(chunk);
  return relay.result();
}
