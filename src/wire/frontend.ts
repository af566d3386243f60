/**
 * Reads the bodies of client messages (manual 55.7). Every function takes the body without type and length and
 * throws only GwError `protocol_violation`. Buffers in the results are views into the body.
 * What PostgreSQL answers with an ordinary ERROR (an unknown format code, a wrong number of
 * parameters) is not judged here, so that the client gets PostgreSQL's own answer.
 * Names of statements and portals come out as PostgreSQL knows them: cut to their significant bytes.
 */
import { GwError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { ByteString, NamedKind } from './build-frontend.ts';
import { latin1, malformed, Reader, strictUtf8, zeroAt } from './reader.ts';
import { SIGNIFICANT_NAME_BYTES } from './types.ts';

/** Query: the statement text, without its terminator, in the client's encoding. */
export function decodeQuery(body: Buffer): Buffer {
  const reader = new Reader('Query', body);
  const query = reader.terminated('the statement text');
  reader.end();
  return query;
}

export interface Parse {
  readonly statement: ByteString;
  readonly query: Buffer;
  readonly parameterTypes: readonly number[];
}

export function decodeParse(body: Buffer): Parse {
  const reader = new Reader('Parse', body);
  const statement = objectName(reader, 'the statement name');
  const query = reader.terminated('the statement text');
  const parameterTypes = reader.list(reader.count('parameter types', 4), () =>
    reader.u32('a parameter type'),
  );
  reader.end();
  return { statement, query, parameterTypes };
}

export interface BindNames {
  readonly portal: ByteString;
  readonly statement: ByteString;
}

/**
 * The two names a Bind begins with, without looking at its parameters.
 * @param prefix the body or its beginning
 * @param length of the whole body
 * @throws GwError `limit` when the names are longer than the prefix
 */
export function decodeBindNames(prefix: Buffer, length: number = prefix.length): BindNames {
  const portalEnd = zeroAt(prefix, 0);
  const statementEnd = portalEnd < 0 ? -1 : zeroAt(prefix, portalEnd + 1);
  if (portalEnd < 0 || statementEnd < 0) {
    if (prefix.length >= length) throw malformed('Bind', length, 'a name is not terminated');
    throw new GwError('limit', `The names in a Bind message are longer than ${prefix.length} bytes.`);
  }
  return {
    portal: significant(prefix, 0, portalEnd),
    statement: significant(prefix, portalEnd + 1, statementEnd),
  };
}

export interface Bind extends BindNames {
  readonly parameterFormats: readonly number[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

export function decodeBind(body: Buffer): Bind {
  const reader = new Reader('Bind', body);
  const portal = objectName(reader, 'the portal name');
  const statement = objectName(reader, 'the statement name');
  const parameterFormats = formats(reader, 'parameter formats');
  const parameters = reader.list(reader.count('parameters', 4), () => reader.value('a parameter'));
  const resultFormats = formats(reader, 'result formats');
  reader.end();
  return { portal, statement, parameterFormats, parameters, resultFormats };
}

export interface Named {
  readonly kind: NamedKind;
  readonly name: ByteString;
}

export const decodeDescribe = (body: Buffer): Named => decodeNamed('Describe', body);
export const decodeClose = (body: Buffer): Named => decodeNamed('Close', body);

function decodeNamed(what: string, body: Buffer): Named {
  const reader = new Reader(what, body);
  const code = reader.u8('the kind');
  if (code !== 0x53 && code !== 0x50) throw reader.violation(`the kind is ${code}, not 'S' or 'P'`);
  const name = objectName(reader, 'the name');
  reader.end();
  return { kind: code === 0x53 ? 'statement' : 'portal', name };
}

export interface Execute {
  readonly portal: ByteString;
  /** 0 (or less): all. */
  readonly maxRows: number;
}

export function decodeExecute(body: Buffer): Execute {
  const reader = new Reader('Execute', body);
  const portal = objectName(reader, 'the portal name');
  const maxRows = reader.i32('the row limit');
  reader.end();
  return { portal, maxRows };
}

/** PasswordMessage; must be UTF-8. */
export function decodePassword(body: Buffer): Secret {
  const reader = new Reader('Password', body);
  const text = strictUtf8(reader.terminated('the password'));
  reader.end();
  if (text === undefined) throw reader.violation('the password is not UTF-8');
  return new Secret(text);
}

export interface SaslInitialResponse {
  readonly mechanism: string;
  readonly data: Buffer | null;
}

export function decodeSaslInitialResponse(body: Buffer): SaslInitialResponse {
  const reader = new Reader('SASLInitialResponse', body);
  const mechanism = reader.name('the mechanism');
  const data = reader.value('the response');
  reader.end();
  return { mechanism, data };
}

/** SASLResponse: all of the body is the mechanism's. */
export const decodeSaslResponse = (body: Buffer): Buffer => body;

/** CopyFail: the reason the client gives. */
export function decodeCopyFail(body: Buffer): string {
  const reader = new Reader('CopyFail', body);
  const reason = reader.text('the reason');
  reader.end();
  return reason;
}

export interface FunctionCall {
  readonly oid: number;
  readonly argumentFormats: readonly number[];
  readonly arguments: readonly (Buffer | null)[];
  readonly resultFormat: number;
}

export function decodeFunctionCall(body: Buffer): FunctionCall {
  const reader = new Reader('FunctionCall', body);
  const oid = reader.u32('the function');
  const argumentFormats = formats(reader, 'argument formats');
  const values = reader.list(reader.count('arguments', 4), () => reader.value('an argument'));
  const resultFormat = reader.i16('the result format');
  reader.end();
  return { oid, argumentFormats, arguments: values, resultFormat };
}

/** Sync, Flush, Terminate and CopyDone have no body. */
export function expectEmpty(what: string, body: Buffer): void {
  if (body.length > 0) throw malformed(what, body.length, 'there should be none');
}

const formats = (reader: Reader, field: string): number[] =>
  reader.list(reader.count(field, 2), () => reader.i16('a format code'));

const objectName = (reader: Reader, field: string): ByteString => reader.name(field, SIGNIFICANT_NAME_BYTES);

const significant = (bytes: Buffer, from: number, to: number): ByteString =>
  latin1(bytes, from, Math.min(to, from + SIGNIFICANT_NAME_BYTES));
