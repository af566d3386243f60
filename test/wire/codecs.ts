import fc from 'fast-check';
import { type Authentication, decodeAuthentication } from '../../src/wire/authentication.ts';
import * as read from '../../src/wire/backend.ts';
import * as server from '../../src/wire/build-backend.ts';
import * as client from '../../src/wire/build-frontend.ts';
import { decodeCommandComplete } from '../../src/wire/command-tag.ts';
import * as ask from '../../src/wire/frontend.ts';
import {
  decodeErrorResponse,
  decodeNoticeResponse,
  type NoticeFields,
} from '../../src/wire/notice-fields.ts';
import { decodeStartup, type StartupPacket } from '../../src/wire/startup.ts';
import { BACKEND, FRONTEND, type TransactionStatus } from '../../src/wire/types.ts';

/** Every message once: how it is read, how it is built, and what values it can have. */
export interface Codec {
  readonly name: string;
  /** F: sent by the client; B: sent by the server. */
  readonly direction: 'F' | 'B';
  /** undefined: a packet that opens a connection, without a type byte. */
  readonly type: number | undefined;
  decode(body: Buffer): unknown;
  build(value: unknown): Buffer;
  readonly values: fc.Arbitrary<unknown>;
}

const codec =
  (direction: 'F' | 'B') =>
  <T>(
    name: string,
    type: number | undefined,
    decode: (body: Buffer) => T,
    build: (value: T) => Buffer,
    values: fc.Arbitrary<T>,
  ): Codec => ({ name, direction, type, decode, build: (value) => build(value as T), values });
const f = codec('F');
const b = codec('B');

const uint16 = fc.nat({ max: 0xffff });
const uint32 = fc.nat({ max: 0xffff_ffff });
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const bytes = fc.uint8Array({ maxLength: 64 }).map((value) => Buffer.from(value));
const value = fc.option(bytes, { nil: null });
const values = fc.array(value, { maxLength: 8 });
const text = fc.string({ unit: 'grapheme', maxLength: 32 }).map((s) => s.replaceAll('\0', ''));
const word = fc.string({ minLength: 1, maxLength: 16 }).map((s) => s.replaceAll('\0', '_'));
const nonZero = fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 16 });
const byteString = nonZero.map((codes) => String.fromCharCode(...codes));
const sqlBytes = nonZero.map((codes) => Buffer.from(codes));
const formats = fc.array(int16, { maxLength: 4 });
const oids = fc.array(uint32, { maxLength: 8 });
const secret = fc.uint8Array({ minLength: 4, maxLength: 256 }).map((key) => Buffer.from(key));
const named = fc.record({ kind: fc.constantFrom('statement' as const, 'portal' as const), name: byteString });
const empty = fc.constant({});
const optional = fc.option(text, { nil: undefined });

const startup: fc.Arbitrary<StartupPacket> = fc.oneof(
  fc.record({
    kind: fc.constant('startup' as const),
    major: fc.constant(3),
    minor: uint16,
    parameters: fc.uniqueArray(fc.tuple(word, text), { selector: ([name]) => name, maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant('cancel' as const), processId: int32, secret }),
  fc.constant({ kind: 'ssl' as const }),
  fc.constant({ kind: 'gss' as const }),
);

function buildStartup(packet: StartupPacket): Buffer {
  if (packet.kind === 'ssl') return client.sslRequest();
  if (packet.kind === 'gss') return client.gssEncRequest();
  if (packet.kind === 'cancel') return client.cancelRequest(packet.processId, packet.secret);
  return client.startup(packet.parameters, packet);
}

const authentication: fc.Arbitrary<Authentication> = fc.oneof(
  fc.constantFrom({ kind: 'ok' as const }, { kind: 'cleartextPassword' as const }),
  fc.record({
    kind: fc.constant('md5Password' as const),
    salt: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((salt) => Buffer.from(salt)),
  }),
  fc.record({ kind: fc.constant('sasl' as const), mechanisms: fc.array(word, { maxLength: 4 }) }),
  fc.record({ kind: fc.constantFrom('saslContinue' as const, 'saslFinal' as const), data: bytes }),
);

function buildAuthentication(message: Authentication): Buffer {
  switch (message.kind) {
    case 'ok':
      return server.authenticationOk();
    case 'cleartextPassword':
      return server.authenticationCleartextPassword();
    case 'md5Password':
      return server.authenticationMd5Password(message.salt);
    case 'sasl':
      return server.authenticationSasl(message.mechanisms);
    case 'saslContinue':
      return server.authenticationSaslContinue(message.data);
    case 'saslFinal':
      return server.authenticationSaslFinal(message.data);
    default:
      throw new Error(`no builder for ${message.kind}`);
  }
}

const notice: fc.Arbitrary<NoticeFields> = fc.record({
  severity: fc.constantFrom('ERROR', 'FATAL', 'NOTICE'),
  localizedSeverity: fc.constantFrom(undefined, 'FEHLER'),
  sqlstate: fc.constantFrom('42501', '00000'),
  message: text,
  detail: optional,
  hint: optional,
  where: optional,
  schema: optional,
  table: optional,
  column: optional,
  dataType: optional,
  constraint: optional,
  position: optional,
  internalPosition: optional,
  internalQuery: optional,
  file: optional,
  line: optional,
  routine: optional,
  other: fc.constantFrom(undefined, [['X', 'new'] as const]),
});

const column = fc.record({
  name: text,
  tableOid: uint32,
  tableColumn: int16,
  typeOid: uint32,
  typeSize: int16,
  typeModifier: int32,
  format: int16,
});
const copy = fc.record({ format: fc.nat({ max: 1 }), columnFormats: formats });
const tags = fc.oneof(
  fc.constantFrom('CREATE TABLE', 'BEGIN', 'SELECT 0', 'COPY 9007199254740991', 'DISCARD ALL'),
  fc.nat().map((rows) => `INSERT 0 ${rows}`),
);
const emptyBody = (name: string) => (body: Buffer) => {
  ask.expectEmpty(name, body);
  return {};
};

export const CODECS: readonly Codec[] = [
  f('Startup', undefined, decodeStartup, buildStartup, startup),
  f('Query', FRONTEND.query, ask.decodeQuery, client.query, sqlBytes),
  f(
    'Parse',
    FRONTEND.parse,
    ask.decodeParse,
    (m) => client.parse(m.statement, m.query, m.parameterTypes),
    fc.record({ statement: byteString, query: sqlBytes, parameterTypes: oids }),
  ),
  f(
    'Bind',
    FRONTEND.bind,
    ask.decodeBind,
    client.bind,
    fc.record({
      portal: byteString,
      statement: byteString,
      parameterFormats: formats,
      parameters: values,
      resultFormats: formats,
    }),
  ),
  f('Describe', FRONTEND.describe, ask.decodeDescribe, (m) => client.describe(m.kind, m.name), named),
  f('Close', FRONTEND.close, ask.decodeClose, (m) => client.close(m.kind, m.name), named),
  f(
    'Execute',
    FRONTEND.execute,
    ask.decodeExecute,
    (m) => client.execute(m.portal, m.maxRows),
    fc.record({ portal: byteString, maxRows: int32 }),
  ),
  f('Sync', FRONTEND.sync, emptyBody('Sync'), client.sync, empty),
  f('Flush', FRONTEND.flush, emptyBody('Flush'), client.flush, empty),
  f('Terminate', FRONTEND.terminate, emptyBody('Terminate'), client.terminate, empty),
  f(
    'PasswordMessage',
    FRONTEND.password,
    (body) => ask.decodePassword(body).reveal(),
    client.password,
    fc.string({ unit: 'binary', maxLength: 32 }).map((s) => s.replaceAll('\0', '')),
  ),
  f(
    'SASLInitialResponse',
    FRONTEND.password,
    ask.decodeSaslInitialResponse,
    (m) => client.saslInitialResponse(m.mechanism, m.data),
    fc.record({ mechanism: word, data: value }),
  ),
  f('SASLResponse', FRONTEND.password, ask.decodeSaslResponse, client.saslResponse, bytes),
  f('CopyData', FRONTEND.copyData, (body) => body, client.copyData, bytes),
  f('CopyDone', FRONTEND.copyDone, emptyBody('CopyDone'), client.copyDone, empty),
  f('CopyFail', FRONTEND.copyFail, ask.decodeCopyFail, client.copyFail, text),
  f(
    'FunctionCall',
    FRONTEND.functionCall,
    ask.decodeFunctionCall,
    client.functionCall,
    fc.record({ oid: uint32, argumentFormats: formats, arguments: values, resultFormat: int16 }),
  ),
  b('Authentication', BACKEND.authentication, decodeAuthentication, buildAuthentication, authentication),
  b(
    'BackendKeyData',
    BACKEND.backendKeyData,
    read.decodeBackendKeyData,
    (m) => server.backendKeyData(m.processId, m.secret),
    fc.record({ processId: int32, secret }),
  ),
  b(
    'ParameterStatus',
    BACKEND.parameterStatus,
    read.decodeParameterStatus,
    (m) => server.parameterStatus(m.name, m.value),
    fc.record({ name: text, value: text }),
  ),
  b(
    'NegotiateProtocolVersion',
    BACKEND.negotiateProtocolVersion,
    read.decodeNegotiateProtocolVersion,
    server.negotiateProtocolVersion,
    fc.record({ major: fc.constant(3), minor: uint16, options: fc.array(text, { maxLength: 4 }) }),
  ),
  b(
    'ReadyForQuery',
    BACKEND.readyForQuery,
    read.decodeReadyForQuery,
    server.readyForQuery,
    fc.constantFrom<TransactionStatus>('I', 'T', 'E'),
  ),
  b(
    'CommandComplete',
    BACKEND.commandComplete,
    decodeCommandComplete,
    (m) => server.commandComplete(m.tag),
    tags.map((tag) => decodeCommandComplete(Buffer.from(`${tag}\0`))),
  ),
  b('ErrorResponse', BACKEND.errorResponse, decodeErrorResponse, server.errorResponse, notice),
  b('NoticeResponse', BACKEND.noticeResponse, decodeNoticeResponse, server.noticeResponse, notice),
  b(
    'RowDescription',
    BACKEND.rowDescription,
    read.decodeRowDescription,
    server.rowDescription,
    fc.array(column, { maxLength: 5 }),
  ),
  b(
    'ParameterDescription',
    BACKEND.parameterDescription,
    read.decodeParameterDescription,
    server.parameterDescription,
    oids,
  ),
  b('DataRow', BACKEND.dataRow, read.decodeDataRow, server.dataRow, values),
  b(
    'NotificationResponse',
    BACKEND.notificationResponse,
    read.decodeNotificationResponse,
    server.notificationResponse,
    fc.record({ processId: int32, channel: text, payload: text }),
  ),
  b('CopyInResponse', BACKEND.copyInResponse, read.decodeCopyResponse, server.copyInResponse, copy),
  b('CopyOutResponse', BACKEND.copyOutResponse, read.decodeCopyResponse, server.copyOutResponse, copy),
  b('CopyBothResponse', BACKEND.copyBothResponse, read.decodeCopyResponse, server.copyBothResponse, copy),
  b('CopyData', BACKEND.copyData, (body) => body, client.copyData, bytes),
  b('CopyDone', BACKEND.copyDone, emptyBody('CopyDone'), client.copyDone, empty),
  b(
    'FunctionCallResponse',
    BACKEND.functionCallResponse,
    read.decodeFunctionCallResponse,
    server.functionCallResponse,
    value,
  ),
  b('BindComplete', BACKEND.bindComplete, emptyBody('BindComplete'), server.bindComplete, empty),
  b('CloseComplete', BACKEND.closeComplete, emptyBody('CloseComplete'), server.closeComplete, empty),
  b('EmptyQueryResponse', BACKEND.emptyQueryResponse, emptyBody('x'), server.emptyQueryResponse, empty),
  b('NoData', BACKEND.noData, emptyBody('NoData'), server.noData, empty),
  b('ParseComplete', BACKEND.parseComplete, emptyBody('ParseComplete'), server.parseComplete, empty),
  b('PortalSuspended', BACKEND.portalSuspended, emptyBody('PortalSuspended'), server.portalSuspended, empty),
];

export function codecOf(direction: string, name: string): Codec {
  const found = CODECS.find((c) => c.direction === direction && c.name === name);
  if (!found) throw new Error(`no message ${direction} ${name}`);
  return found;
}

/** The bytes after type and length. */
export const bodyOf = (codec: Codec, message: Buffer): Buffer =>
  message.subarray(codec.type === undefined ? 4 : 5);
