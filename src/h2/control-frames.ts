import { FRAME, HEADER_BYTES, writeHeader, writeUint32 } from './frames.ts';

/** Builders of the small frames. None of these is on the hot path. */

function frame(type: number, flags: number, streamId: number, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + length);
  writeHeader(bytes, 0, length, type, flags, streamId);
  return bytes;
}

export function resetFrame(streamId: number, code: number): Buffer {
  const bytes = frame(FRAME.RST_STREAM, 0, streamId, 4);
  writeUint32(bytes, HEADER_BYTES, code);
  return bytes;
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  const bytes = frame(FRAME.WINDOW_UPDATE, 0, streamId, 4);
  writeUint32(bytes, HEADER_BYTES, increment);
  return bytes;
}

export function goawayFrame(lastStreamId: number, code: number): Buffer {
  const bytes = frame(FRAME.GOAWAY, 0, 0, 8);
  writeUint32(bytes, HEADER_BYTES, lastStreamId);
  writeUint32(bytes, HEADER_BYTES + 4, code);
  return bytes;
}

/** `payload` is eight bytes. */
export function pingFrame(flags: number, payload: Uint8Array): Buffer {
  const bytes = frame(FRAME.PING, flags, 0, 8);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** A header block as HEADERS and, when it is longer than a frame may be, CONTINUATION. */
export function headerFrames(streamId: number, block: Buffer, flags: number, maxFrameBytes: number): Buffer {
  const frames: Buffer[] = [];
  const END_HEADERS = 0x4;
  for (let at = 0; at === 0 || at < block.length; at += maxFrameBytes) {
    const fragment = block.subarray(at, at + maxFrameBytes);
    const last = at + maxFrameBytes >= block.length ? END_HEADERS : 0;
    const head = Buffer.alloc(HEADER_BYTES);
    if (at === 0) writeHeader(head, 0, fragment.length, FRAME.HEADERS, flags | last, streamId);
    else writeHeader(head, 0, fragment.length, FRAME.CONTINUATION, last, streamId);
    frames.push(head, fragment);
  }
  return Buffer.concat(frames);
}
