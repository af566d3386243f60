/** The fields of ErrorResponse and NoticeResponse (manual 55.8), in the order in which PostgreSQL sends them. */
import { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface NoticeFields {
  /** ERROR, FATAL, PANIC, WARNING, NOTICE, DEBUG, INFO or LOG; never translated. */
  readonly severity: string;
  /** As translated by the server; the same as `severity` unless given. */
  readonly localizedSeverity?: string | undefined;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  /** In characters of the statement text, from 1. */
  readonly position?: string | undefined;
  readonly internalPosition?: string | undefined;
  readonly internalQuery?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: string | undefined;
  readonly routine?: string | undefined;
  /** Fields with codes this list does not know. */
  readonly other?: readonly (readonly [code: string, value: string])[] | undefined;
}

type Name = Exclude<keyof NoticeFields, 'other'>;

const CODES: readonly (readonly [code: string, name: Name])[] = [
  ['S', 'localizedSeverity'],
  ['V', 'severity'],
  ['C', 'sqlstate'],
  ['M', 'message'],
  ['D', 'detail'],
  ['H', 'hint'],
  ['W', 'where'],
  ['s', 'schema'],
  ['t', 'table'],
  ['c', 'column'],
  ['d', 'dataType'],
  ['n', 'constraint'],
  ['P', 'position'],
  ['p', 'internalPosition'],
  ['q', 'internalQuery'],
  ['F', 'file'],
  ['L', 'line'],
  ['R', 'routine'],
];
const NAMES = new Map<string, Name>(CODES);

export const decodeErrorResponse = (body: Buffer): NoticeFields => decodeFields('ErrorResponse', body);
export const decodeNoticeResponse = (body: Buffer): NoticeFields => decodeFields('NoticeResponse', body);

/** Text is read as UTF-8 for display; a field given twice counts as given last. */
function decodeFields(what: string, body: Buffer): NoticeFields {
  const reader = new Reader(what, body);
  const fields: { -readonly [K in Name]?: string } = {};
  const other: [string, string][] = [];
  for (;;) {
    const code = reader.u8('a field');
    if (code === 0) break;
    const letter = String.fromCharCode(code);
    const name = NAMES.get(letter);
    const value = reader.text('a field');
    if (name === undefined) other.push([letter, value]);
    else fields[name] = value;
  }
  reader.end();
  const {
    localizedSeverity = '',
    severity = localizedSeverity,
    sqlstate = '',
    message = '',
    ...rest
  } = fields;
  const localized = localizedSeverity === severity ? {} : { localizedSeverity };
  return { severity, ...localized, sqlstate, message, ...rest, ...(other.length > 0 ? { other } : {}) };
}

/**
 * The SQLSTATE of an ErrorResponse or NoticeResponse of which only the beginning is there; undefined when it is
 * not in it. Never throws.
 */
export function sqlstateOf(prefix: Buffer): string | undefined {
  for (let at = 0; at < prefix.length && prefix[at] !== 0; ) {
    const end = prefix.indexOf(0, at + 1);
    if (end < 0) return undefined;
    if (prefix[at] === 0x43) return end - at === 6 ? prefix.toString('latin1', at + 1, end) : undefined;
    at = end + 1;
  }
  return undefined;
}

export function writeFields(writer: Writer, fields: NoticeFields): Buffer {
  const all = { ...fields, localizedSeverity: fields.localizedSeverity ?? fields.severity };
  for (const [code, name] of CODES) {
    const value = all[name];
    if (value !== undefined) writer.u8(code.charCodeAt(0)).text(value);
  }
  for (const [code, value] of fields.other ?? []) writer.u8(code.charCodeAt(0)).text(value);
  return writer.u8(0).end();
}
