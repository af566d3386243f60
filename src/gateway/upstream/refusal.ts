import { LIMITS } from '../../core/limits.ts';
import { BACKEND } from '../../wire/types.ts';
import { ServerError } from './failures.ts';
import type { Opening } from './opening.ts';

const HEADER_BYTES = 5;
const anyType = (): boolean => true;

/**
 * Looks, without reading, at what follows AuthenticationOk: PostgreSQL tells of an unknown database, of a login that
 * may not log in or of too many connections only then, in the same packet. Notices may come first.
 */
export async function throwIfRefused(opening: Opening): Promise<void> {
  let at = 0;
  for (;;) {
    const type = (await opening.need(at + HEADER_BYTES))[at]!;
    if (type !== BACKEND.errorResponse && type !== BACKEND.noticeResponse) return;
    const length = await opening.messageLength(at, anyType);
    if (at + length > LIMITS.authMessageBytes) return;
    const received = await opening.need(at + length);
    if (type === BACKEND.errorResponse)
      throw new ServerError(received.subarray(at + HEADER_BYTES, at + length));
    at += length;
  }
}
