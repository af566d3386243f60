import type { ErrorCode } from '../core/errors.ts';
import { GwError } from '../core/errors.ts';
import { CODE } from './frames.ts';

const NAMES: readonly string[] = Object.entries(CODE)
  .sort((a, b) => a[1] - b[1])
  .map(([name]) => name);

const ERROR_CODES: Partial<Record<number, ErrorCode>> = {
  [CODE.NO_ERROR]: 'session_ended',
  [CODE.CANCEL]: 'session_ended',
  [CODE.CONNECT_ERROR]: 'session_ended',
  [CODE.REFUSED_STREAM]: 'too_many_sessions',
  [CODE.ENHANCE_YOUR_CALM]: 'rate_limited',
  [CODE.HTTP_1_1_REQUIRED]: 'unsupported',
  [CODE.INTERNAL_ERROR]: 'failed',
};

/** `0x8` → `CANCEL`; an unknown code as a number. */
export function codeName(code: number): string {
  return NAMES[code] ?? `error 0x${code.toString(16)}`;
}

/** An error that ended a stream or a connection, with its HTTP/2 code (RFC 9113, 7). */
export class H2Error extends GwError {
  readonly h2Code: number;
  /** True when the peer is known not to have acted on the stream, so it may be opened again elsewhere. */
  readonly untouched: boolean;

  constructor(h2Code: number, message: string, untouched = h2Code === CODE.REFUSED_STREAM) {
    super(ERROR_CODES[h2Code] ?? 'protocol_violation', message, { detail: `HTTP/2 ${codeName(h2Code)}` });
    this.name = 'H2Error';
    this.h2Code = h2Code;
    this.untouched = untouched;
  }
}

/** The peer broke the connection's rules: thrown inside receive() and answered there with GOAWAY. */
export class ConnectionFault extends H2Error {}

export function fault(code: number, message: string): never {
  throw new ConnectionFault(code, message);
}
