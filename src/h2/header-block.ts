import { fault } from './errors.ts';
import { CODE, FLAG, FRAME } from './frames.ts';
import { H2_LIMITS } from './limits.ts';

const PRIORITY_BYTES = 5;

/**
 * Joins the fragments of one header block: HEADERS and its CONTINUATION frames, which nothing may interrupt
 * (RFC 9113, 4.3 and 6.10). Size and number of fragments are limited before anything is collected.
 */
export class HeaderBlock {
  /** The stream whose block is not complete; 0 when none is. */
  streamId = 0;
  endStream = false;
  #fragments: Buffer[] = [];
  #bytes = 0;

  /** Checks the header of a HEADERS or CONTINUATION frame before its payload is read. */
  admit(type: number, streamId: number, length: number): void {
    if (type === FRAME.HEADERS) {
      if (streamId === 0) fault(CODE.PROTOCOL_ERROR, 'HEADERS on stream 0.');
    } else if (streamId === 0 || streamId !== this.streamId) {
      fault(CODE.PROTOCOL_ERROR, 'CONTINUATION without HEADERS.');
    } else if (this.#fragments.length > H2_LIMITS.continuations) {
      fault(CODE.ENHANCE_YOUR_CALM, 'A header block has too many CONTINUATION frames.');
    }
    if (this.#bytes + length > H2_LIMITS.headerBlockBytes) {
      fault(CODE.ENHANCE_YOUR_CALM, 'A header block is too large.');
    }
  }

  /** Takes a fragment. Returns the whole block when it is complete; valid only during the call of `frame`. */
  add(
    type: number,
    flags: number,
    streamId: number,
    buffer: Buffer,
    from: number,
    to: number,
  ): Buffer | undefined {
    let start = from;
    let end = to;
    if (type === FRAME.HEADERS) {
      this.streamId = streamId;
      this.endStream = (flags & FLAG.END_STREAM) !== 0;
      if ((flags & FLAG.PADDED) !== 0) end -= buffer[start++] ?? 0;
      if ((flags & FLAG.PRIORITY) !== 0) start += PRIORITY_BYTES;
      if (start > end) fault(CODE.PROTOCOL_ERROR, 'The padding of a HEADERS frame exceeds the frame.');
    }
    const fragment = buffer.subarray(start, end);
    const complete = (flags & FLAG.END_HEADERS) !== 0;
    if (complete && this.#fragments.length === 0) {
      this.streamId = 0;
      return fragment;
    }
    this.#fragments.push(Buffer.from(fragment));
    this.#bytes += fragment.length;
    if (!complete) return undefined;
    const block = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#bytes = 0;
    this.streamId = 0;
    return block;
  }
}
