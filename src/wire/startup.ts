/**
 * The packets that open a connection: int32 length, then a version or a request code (manual 55.2.1, 55.7).
 * They have no type byte, so they do not go through the scanner: `startupPacketBytes` says how many
 * bytes to wait for, `decodeStartup` reads the packet. Bytes behind a packet are the caller's to judge
 * (behind SSLRequest they are a violation).
 */
import { GwError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { malformed, Reader, strictUtf8 } from './reader.ts';
import { CANCEL_KEY_BYTES, STARTUP_CODE } from './types.ts';

/** Name and value of a startup parameter (`user`, `database`, settings, `_pq_.` options), in the client's order. */
export type StartupParameter = readonly [name: string, value: string];

export type StartupPacket =
  | {
      readonly kind: 'startup';
      readonly major: number;
      readonly minor: number;
      readonly parameters: readonly StartupParameter[];
    }
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly processId: number /** A copy. */; readonly secret: Buffer };

/**
 * The whole size of the packet (length word included) whose first bytes these are; undefined while fewer
 * than four are there. Throws `protocol_violation` for a length PostgreSQL would not accept.
 */
export function startupPacketBytes(received: Buffer): number | undefined {
  if (received.length < 4) return undefined;
  const length = received.readInt32BE(0);
  if (length < 8 || length > LIMITS.startupPacketBytes + 4) {
    throw new GwError('protocol_violation', `Invalid length of startup packet: ${length}.`, {
      detail: `It is at least 8 and at most ${LIMITS.startupPacketBytes + 4}.`,
      hint: 'Check that the client speaks the PostgreSQL protocol.',
    });
  }
  return length;
}

/**
 * Reads a startup packet.
 * @param body the packet without its length word
 * @throws GwError `protocol_violation`; `unsupported` for a version that is not 3.x
 */
export function decodeStartup(body: Buffer): StartupPacket {
  if (body.length > LIMITS.startupPacketBytes)
    throw malformed('startup', body.length, 'there are too many bytes');
  const reader = new Reader('startup', body);
  const code = reader.u32('the version');
  if (code === STARTUP_CODE.cancel) return decodeCancel(reader);
  if (code === STARTUP_CODE.ssl || code === STARTUP_CODE.gssEncryption) {
    reader.end();
    return { kind: code === STARTUP_CODE.ssl ? 'ssl' : 'gss' };
  }
  const major = code >>> 16;
  const minor = code & 0xffff;
  if (major !== 3) {
    throw new GwError(
      'unsupported',
      `Unsupported frontend protocol ${major}.${minor}: the gateway speaks 3.0 to 3.2.`,
    );
  }
  return { kind: 'startup', major, minor, parameters: decodeParameters(reader) };
}

function decodeCancel(reader: Reader): StartupPacket {
  const processId = reader.i32('the process id');
  const { min, max } = CANCEL_KEY_BYTES;
  if (reader.left < min || reader.left > max) {
    throw reader.violation(`the cancel key has ${reader.left} bytes instead of ${min} to ${max}`);
  }
  return { kind: 'cancel', processId, secret: Buffer.from(reader.rest()) };
}

/** Pairs of strings up to an empty name, which must be the last byte. A name given twice has no one meaning. */
function decodeParameters(reader: Reader): StartupParameter[] {
  const parameters: StartupParameter[] = [];
  const names = new Set<string>();
  for (;;) {
    const name = strict(reader, reader.terminated('the parameter list'), 'a parameter name');
    if (name === '') break;
    if (names.has(name)) throw reader.violation(`the parameter ${JSON.stringify(name)} is given twice`);
    names.add(name);
    parameters.push([name, strict(reader, reader.terminated('a parameter value'), 'a parameter value')]);
  }
  reader.end();
  return parameters;
}

function strict(reader: Reader, bytes: Buffer, field: string): string {
  const text = strictUtf8(bytes);
  if (text === undefined) throw reader.violation(`${field} is not UTF-8`);
  return text;
}
