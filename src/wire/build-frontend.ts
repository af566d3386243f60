/** Messages of the client's direction (manual 55.7), each a whole message ready to be written. */
import { GwError } from '../core/errors.ts';
import { FRONTEND, STARTUP_CODE } from './types.ts';
import { emptyMessage, Writer } from './writer.ts';

/**
 * A name of a prepared statement or portal: one character for each byte, so that distinct bytes stay
 * distinct whatever the client's encoding. `Buffer.from(name, 'latin1')` gives the bytes.
 */
export type ByteString = string;

/** SQL text: a string goes out as UTF-8, bytes as they are. */
export type SqlText = string | Uint8Array;

/** StartupMessage. Parameters in this order, `user` among them; a name is never empty, that would end the list. */
export function startup(
  parameters: Iterable<readonly [name: string, value: string]>,
  version: { readonly major: number; readonly minor: number } = { major: 3, minor: 0 },
): Buffer {
  const writer = new Writer(undefined, 256).u32(((version.major << 16) | version.minor) >>> 0);
  for (const [name, value] of parameters) {
    if (name === '') throw new GwError('protocol_violation', 'A startup parameter has no name.');
    writer.text(name).text(value);
  }
  return writer.u8(0).end();
}

export const sslRequest = (): Buffer => new Writer(undefined).u32(STARTUP_CODE.ssl).end();
export const gssEncRequest = (): Buffer => new Writer(undefined).u32(STARTUP_CODE.gssEncryption).end();
export const cancelRequest = (processId: number, secret: Uint8Array): Buffer =>
  new Writer(undefined).u32(STARTUP_CODE.cancel).i32(processId).bytes(secret).end();

export const query = (sql: SqlText): Buffer => new Writer(FRONTEND.query, sql.length).text(sql).end();

/**
 * @param statement empty for the unnamed one
 * @param parameterTypes type OIDs; 0 leaves one to the server
 */
export function parse(statement: ByteString, sql: SqlText, parameterTypes: readonly number[] = []): Buffer {
  const writer = new Writer(FRONTEND.parse, sql.length + statement.length + 8).name(statement).text(sql);
  writer.count(parameterTypes.length);
  for (const oid of parameterTypes) writer.u32(oid);
  return writer.end();
}

export interface BindFields {
  readonly portal: ByteString;
  readonly statement: ByteString;
  /** Format codes (0 text, 1 binary): none, one for all, or one each. */
  readonly parameterFormats?: readonly number[];
  readonly parameters?: readonly (Uint8Array | null)[];
  readonly resultFormats?: readonly number[];
}

export function bind(fields: BindFields): Buffer {
  const { parameterFormats = [], parameters = [], resultFormats = [] } = fields;
  const writer = new Writer(FRONTEND.bind).name(fields.portal).name(fields.statement);
  writeFormats(writer, parameterFormats);
  writer.count(parameters.length);
  for (const parameter of parameters) writer.value(parameter);
  writeFormats(writer, resultFormats);
  return writer.end();
}

/** What Describe and Close are about. */
export type NamedKind = 'statement' | 'portal';
const KIND_CODE = { statement: 0x53, portal: 0x50 } as const;

export const describe = (kind: NamedKind, name: ByteString): Buffer =>
  new Writer(FRONTEND.describe).u8(KIND_CODE[kind]).name(name).end();
export const close = (kind: NamedKind, name: ByteString): Buffer =>
  new Writer(FRONTEND.close).u8(KIND_CODE[kind]).name(name).end();

/** Execute; 0 rows means all. */
export const execute = (portal: ByteString, maxRows = 0): Buffer =>
  new Writer(FRONTEND.execute).name(portal).i32(maxRows).end();

export const sync = (): Buffer => emptyMessage(FRONTEND.sync);
export const flush = (): Buffer => emptyMessage(FRONTEND.flush);
export const terminate = (): Buffer => emptyMessage(FRONTEND.terminate);

/** PasswordMessage: a cleartext password or an MD5 answer. */
export const password = (text: string): Buffer => new Writer(FRONTEND.password).text(text).end();
/** SASLInitialResponse; null when the mechanism begins without data. */
export const saslInitialResponse = (mechanism: string, data: Uint8Array | null): Buffer =>
  new Writer(FRONTEND.password).text(mechanism).value(data).end();
export const saslResponse = (data: Uint8Array): Buffer => new Writer(FRONTEND.password).bytes(data).end();

/** CopyData and CopyDone are the same bytes in both directions. */
export const copyData = (data: Uint8Array): Buffer =>
  new Writer(FRONTEND.copyData, data.length).bytes(data).end();
export const copyDone = (): Buffer => emptyMessage(FRONTEND.copyDone);
export const copyFail = (reason: string): Buffer => new Writer(FRONTEND.copyFail).text(reason).end();

export interface FunctionCallFields {
  readonly oid: number;
  readonly argumentFormats: readonly number[];
  readonly arguments: readonly (Uint8Array | null)[];
  readonly resultFormat: number;
}

export function functionCall(fields: FunctionCallFields): Buffer {
  const writer = new Writer(FRONTEND.functionCall).u32(fields.oid);
  writeFormats(writer, fields.argumentFormats);
  writer.count(fields.arguments.length);
  for (const argument of fields.arguments) writer.value(argument);
  return writer.i16(fields.resultFormat).end();
}

function writeFormats(writer: Writer, formats: readonly number[]): void {
  writer.count(formats.length);
  for (const format of formats) writer.i16(format);
}
