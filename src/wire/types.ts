/** Message types of the PostgreSQL v3 protocol, by direction (manual 55.7 "Message Formats"). */

/** What a client sends after its startup packet. */
export const FRONTEND = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  /** PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse: told apart by what was asked for. */
  password: 0x70, // p
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

/** What a server sends. */
export const BACKEND = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  copyBothResponse: 0x57, // W
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  dataRow: 0x44, // D
  emptyQueryResponse: 0x49, // I
  errorResponse: 0x45, // E
  functionCallResponse: 0x56, // V
  negotiateProtocolVersion: 0x76, // v
  noData: 0x6e, // n
  noticeResponse: 0x4e, // N
  notificationResponse: 0x41, // A
  parameterDescription: 0x74, // t
  parameterStatus: 0x53, // S
  parseComplete: 0x31, // 1
  portalSuspended: 0x73, // s
  readyForQuery: 0x5a, // Z
  rowDescription: 0x54, // T
} as const;

export type FrontendName = keyof typeof FRONTEND;
export type BackendName = keyof typeof BACKEND;

const FRONTEND_NAMES = new Map(Object.entries(FRONTEND).map(([name, type]) => [type as number, name]));
const BACKEND_NAMES = new Map(Object.entries(BACKEND).map(([name, type]) => [type as number, name]));

export const isFrontendType = (type: number): boolean => FRONTEND_NAMES.has(type);
export const isBackendType = (type: number): boolean => BACKEND_NAMES.has(type);

/** The protocol's name of a client message, such as `Parse`; undefined when there is none. */
export const frontendName = (type: number): string | undefined => capital(FRONTEND_NAMES.get(type));
/** The protocol's name of a server message, such as `DataRow`; undefined when there is none. */
export const backendName = (type: number): string | undefined => capital(BACKEND_NAMES.get(type));

function capital(name: string | undefined): string | undefined {
  return name && name[0]!.toUpperCase() + name.slice(1);
}

/** A type byte for an error message: `'Q'` or `0x07`. */
export function printType(type: number): string {
  if (type > 0x20 && type < 0x7f) return `'${String.fromCharCode(type)}'`;
  return `0x${type.toString(16).padStart(2, '0')}`;
}

/** Codes that stand where a startup packet has its version (major 1234). */
export const STARTUP_CODE = {
  cancel: 80_877_102,
  ssl: 80_877_103,
  gssEncryption: 80_877_104,
} as const;

/** Bytes of a cancel key: 4 in protocol 3.0, up to 256 in 3.2. */
export const CANCEL_KEY_BYTES = { min: 4, max: 256 } as const;

/**
 * PostgreSQL (NAMEDATALEN) tells the names of prepared statements and portals apart by so many bytes: longer
 * names that begin alike are one name.
 */
export const SIGNIFICANT_NAME_BYTES = 63;

/** The transaction state a ReadyForQuery carries: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E';
