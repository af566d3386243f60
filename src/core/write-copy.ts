import type { Socket } from 'node:net';

/**
 * Sends bytes on a socket without the caller having to leave its buffer alone.
 *
 * A socket keeps the buffer it is given for as long as the system has not taken all of it, which the
 * caller cannot know beforehand, so the bytes are copied first. Nearly always the system takes them at once;
 * then the copy's memory is free again when `write` returns (`writableLength` is back at 0) and the next
 * copy uses the same place: no allocation per write. Only what had to wait keeps its memory.
 */

/** Small copies that wait lie side by side in one block, so a waiting byte pins at most this much. */
const SLAB_BYTES = 16 * 1024;
/** Larger copies have memory of their own. */
const SLAB_PIECE_BYTES = 4 * 1024;
/** Places larger copies are made in while they need not wait. One that has to wait pins four times its size at most. */
const SCRATCH_BYTES = [16 * 1024, 64 * 1024, 256 * 1024] as const;

let slab = Buffer.alloc(0);
let slabUsed = 0;
const scratches: (Buffer | undefined)[] = [];

/** Writes a copy of `chunk` to `socket`. */
export function writeCopy(socket: Socket, chunk: Uint8Array): void {
  const size = chunk.length;
  if (size <= SLAB_PIECE_BYTES) {
    writeFromSlab(socket, chunk, size);
    return;
  }
  const place = socket.writableLength === 0 && !isEncrypted(socket) ? scratchFor(size) : -1;
  if (place !== -1) {
    writeFromScratch(socket, chunk, place);
    return;
  }
  const copy = Buffer.allocUnsafeSlow(size);
  copy.set(chunk);
  socket.write(copy);
}

function writeFromSlab(socket: Socket, chunk: Uint8Array, size: number): void {
  if (slab.length - slabUsed < size) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  const from = slabUsed;
  // Taken before the write: a listener that runs inside it may write as well.
  slabUsed = from + size;
  const block = slab;
  block.set(chunk, from);
  socket.write(block.subarray(from, from + size));
  if (socket.writableLength === 0 && slab === block && slabUsed === from + size) slabUsed = from;
}

const scratchFor = (size: number): number => SCRATCH_BYTES.findIndex((bytes) => size <= bytes);

function writeFromScratch(socket: Socket, chunk: Uint8Array, place: number): void {
  const block = scratches[place] ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES[place]!);
  scratches[place] = undefined;
  block.set(chunk);
  socket.write(block.subarray(0, chunk.length));
  if (socket.writableLength === 0) scratches[place] = block;
}

/** A TLS socket reports every write as waiting until the next turn, so it never gives the place back. */
function isEncrypted(socket: Socket): boolean {
  return (socket as { encrypted?: boolean }).encrypted === true;
}
