/**
 * Reads the bodies of server messages (manual 55.7). Every function takes the body without type and length and
 * throws only GwError `protocol_violation`. Buffers in the results are views into the body; strings are
 * for display (invalid UTF-8 becomes U+FFFD). See authentication.ts, command-tag.ts and notice-fields.ts
 * for type R, C, E and N.
 */
import { malformed, Reader } from './reader.ts';
import { CANCEL_KEY_BYTES, type TransactionStatus } from './types.ts';

export interface BackendKeyData {
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secret: Buffer;
}

export function decodeBackendKeyData(body: Buffer): BackendKeyData {
  const reader = new Reader('BackendKeyData', body);
  const processId = reader.i32('the process id');
  const { min, max } = CANCEL_KEY_BYTES;
  if (reader.left < min || reader.left > max) {
    throw reader.violation(`the cancel key has ${reader.left} bytes instead of ${min} to ${max}`);
  }
  return { processId, secret: reader.rest() };
}

export interface ParameterStatus {
  readonly name: string;
  readonly value: string;
}

export function decodeParameterStatus(body: Buffer): ParameterStatus {
  const reader = new Reader('ParameterStatus', body);
  const name = reader.text('the name');
  const value = reader.text('the value');
  reader.end();
  return { name, value };
}

export interface NegotiateProtocolVersion {
  /** The newest version the server speaks. */
  readonly major: number;
  readonly minor: number;
  /** The `_pq_.` options the server does not know. */
  readonly options: readonly string[];
}

/** The version is sent whole (0x00030002) by PostgreSQL; a minor version alone is understood as 3.minor. */
export function decodeNegotiateProtocolVersion(body: Buffer): NegotiateProtocolVersion {
  const reader = new Reader('NegotiateProtocolVersion', body);
  const version = reader.u32('the version');
  const count = reader.fits(reader.i32('the number of options'), 'options', 1);
  const options = reader.list(count, () => reader.text('an option'));
  reader.end();
  return { major: version >>> 16 || 3, minor: version & 0xffff, options };
}

/** ReadyForQuery. */
export function decodeReadyForQuery(body: Buffer): TransactionStatus {
  if (body.length === 1) {
    const code = body[0];
    if (code === 0x49) return 'I';
    if (code === 0x54) return 'T';
    if (code === 0x45) return 'E';
  }
  throw malformed('ReadyForQuery', body.length, "the transaction status is not 'I', 'T' or 'E'");
}

export interface Column {
  readonly name: string;
  /** OID and attribute number of the table column this is; 0 when it is none. */
  readonly tableOid: number;
  readonly tableColumn: number;
  readonly typeOid: number;
  /** Bytes; negative when it varies. */
  readonly typeSize: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary. */
  readonly format: number;
}

const COLUMN_MIN_BYTES = 19;

export function decodeRowDescription(body: Buffer): Column[] {
  const reader = new Reader('RowDescription', body);
  const columns = reader.list(reader.count('columns', COLUMN_MIN_BYTES), () => ({
    name: reader.text('a column name'),
    tableOid: reader.u32('a table'),
    tableColumn: reader.i16('a table column'),
    typeOid: reader.u32('a type'),
    typeSize: reader.i16('a type size'),
    typeModifier: reader.i32('a type modifier'),
    format: reader.i16('a format code'),
  }));
  reader.end();
  return columns;
}

/** The type OIDs of a prepared statement's parameters. */
export function decodeParameterDescription(body: Buffer): number[] {
  const reader = new Reader('ParameterDescription', body);
  const types = reader.list(reader.count('parameters', 4), () => reader.u32('a type'));
  reader.end();
  return types;
}

/** The values of a row as sent; null is NULL. */
export function decodeDataRow(body: Buffer): (Buffer | null)[] {
  const reader = new Reader('DataRow', body);
  const values = reader.list(reader.count('columns', 4), () => reader.value('a value'));
  reader.end();
  return values;
}

export interface Notification {
  readonly processId: number;
  readonly channel: string;
  readonly payload: string;
}

export function decodeNotificationResponse(body: Buffer): Notification {
  const reader = new Reader('NotificationResponse', body);
  const processId = reader.i32('the process id');
  const channel = reader.text('the channel');
  const payload = reader.text('the payload');
  reader.end();
  return { processId, channel, payload };
}

export interface CopyResponse {
  /** 0 text, 1 binary. */
  readonly format: number;
  readonly columnFormats: readonly number[];
}

/** CopyInResponse, CopyOutResponse and CopyBothResponse. */
export function decodeCopyResponse(body: Buffer): CopyResponse {
  const reader = new Reader('CopyResponse', body);
  const format = reader.u8('the format');
  if (format > 1) throw reader.violation(`the format is ${format}, not 0 or 1`);
  const columnFormats = reader.list(reader.count('columns', 2), () => reader.i16('a format code'));
  reader.end();
  return { format, columnFormats };
}

export function decodeFunctionCallResponse(body: Buffer): Buffer | null {
  const reader = new Reader('FunctionCallResponse', body);
  const value = reader.value('the result');
  reader.end();
  return value;
}
