/** Messages of the server's direction (manual 55.7), each a whole message ready to be written. */
import { AUTHENTICATION } from './authentication.ts';
import type { Column, CopyResponse, NegotiateProtocolVersion, Notification } from './backend.ts';
import { type NoticeFields, writeFields } from './notice-fields.ts';
import { BACKEND, type TransactionStatus } from './types.ts';
import { emptyMessage, Writer } from './writer.ts';

const authentication = (kind: keyof typeof AUTHENTICATION): Writer =>
  new Writer(BACKEND.authentication).u32(AUTHENTICATION[kind]);

export const authenticationOk = (): Buffer => authentication('ok').end();
export const authenticationCleartextPassword = (): Buffer => authentication('cleartextPassword').end();
/** @param salt four bytes */
export const authenticationMd5Password = (salt: Uint8Array): Buffer =>
  authentication('md5Password').bytes(salt).end();

export function authenticationSasl(mechanisms: readonly string[]): Buffer {
  const writer = authentication('sasl');
  for (const name of mechanisms) writer.text(name);
  return writer.u8(0).end();
}

export const authenticationSaslContinue = (data: Uint8Array): Buffer =>
  authentication('saslContinue').bytes(data).end();
export const authenticationSaslFinal = (data: Uint8Array): Buffer =>
  authentication('saslFinal').bytes(data).end();

/** @param secret 4 bytes in protocol 3.0, up to 256 in 3.2 */
export const backendKeyData = (processId: number, secret: Uint8Array): Buffer =>
  new Writer(BACKEND.backendKeyData).i32(processId).bytes(secret).end();

export const parameterStatus = (name: string, value: string): Buffer =>
  new Writer(BACKEND.parameterStatus).text(name).text(value).end();

/** The version goes out whole (0x00030002), as from PostgreSQL. */
export function negotiateProtocolVersion({ major, minor, options }: NegotiateProtocolVersion): Buffer {
  const writer = new Writer(BACKEND.negotiateProtocolVersion).u32(((major << 16) | minor) >>> 0);
  writer.i32(options.length);
  for (const option of options) writer.text(option);
  return writer.end();
}

export const readyForQuery = (status: TransactionStatus): Buffer =>
  new Writer(BACKEND.readyForQuery).u8(status.charCodeAt(0)).end();

export const errorResponse = (fields: NoticeFields): Buffer =>
  writeFields(new Writer(BACKEND.errorResponse, 256), fields);
export const noticeResponse = (fields: NoticeFields): Buffer =>
  writeFields(new Writer(BACKEND.noticeResponse, 256), fields);

/** @param tag as PostgreSQL writes it: `SELECT 5`, `INSERT 0 3`, `CREATE TABLE` */
export const commandComplete = (tag: string): Buffer => new Writer(BACKEND.commandComplete).text(tag).end();

export function rowDescription(columns: readonly Column[]): Buffer {
  const writer = new Writer(BACKEND.rowDescription, 32 * columns.length).count(columns.length);
  for (const column of columns) {
    writer.text(column.name).u32(column.tableOid).i16(column.tableColumn).u32(column.typeOid);
    writer.i16(column.typeSize).i32(column.typeModifier).i16(column.format);
  }
  return writer.end();
}

/** Strings go out as UTF-8; null is NULL. */
export function dataRow(values: readonly (Uint8Array | string | null)[]): Buffer {
  const writer = new Writer(BACKEND.dataRow).count(values.length);
  for (const value of values) writer.value(typeof value === 'string' ? Buffer.from(value) : value);
  return writer.end();
}

export function parameterDescription(types: readonly number[]): Buffer {
  const writer = new Writer(BACKEND.parameterDescription).count(types.length);
  for (const oid of types) writer.u32(oid);
  return writer.end();
}

export const notificationResponse = ({ processId, channel, payload }: Notification): Buffer =>
  new Writer(BACKEND.notificationResponse).i32(processId).text(channel).text(payload).end();

export const copyInResponse = (copy: CopyResponse): Buffer => copyResponse(BACKEND.copyInResponse, copy);
export const copyOutResponse = (copy: CopyResponse): Buffer => copyResponse(BACKEND.copyOutResponse, copy);
export const copyBothResponse = (copy: CopyResponse): Buffer => copyResponse(BACKEND.copyBothResponse, copy);

function copyResponse(type: number, { format, columnFormats }: CopyResponse): Buffer {
  const writer = new Writer(type).u8(format).count(columnFormats.length);
  for (const code of columnFormats) writer.i16(code);
  return writer.end();
}

export const functionCallResponse = (value: Uint8Array | null): Buffer =>
  new Writer(BACKEND.functionCallResponse).value(value).end();

export const bindComplete = (): Buffer => emptyMessage(BACKEND.bindComplete);
export const closeComplete = (): Buffer => emptyMessage(BACKEND.closeComplete);
export const emptyQueryResponse = (): Buffer => emptyMessage(BACKEND.emptyQueryResponse);
export const noData = (): Buffer => emptyMessage(BACKEND.noData);
export const parseComplete = (): Buffer => emptyMessage(BACKEND.parseComplete);
export const portalSuspended = (): Buffer => emptyMessage(BACKEND.portalSuspended);
