/**
 * Text from elsewhere (a gateway, an identity provider, a database) may carry escape sequences that move
 * the cursor, retitle the window or answer as if typed, and direction overrides that make one name look
 * like another. Nothing of that reaches a terminal: everything printed passes here.
 */

/** CSI, OSC, DCS/SOS/PM/APC strings and two-byte escapes, in their 7-bit and 8-bit forms (ECMA-48). */
const SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
/** C0 but tab and newline, DEL, C1, marks of direction, line separators, byte order mark, tag characters. */
const CONTROLS =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const STYLE = /(\x1b\[[0-9;]*m)/;

/** Text without control characters, escape sequences and direction marks; keeps tab and newline. */
export function sanitise(text: string): string {
  // The second pass also takes an escape that the first one put together by removing what stood inside it.
  return text.replace(SEQUENCES, '').replace(CONTROLS, '');
}

/** The same on one line: for table cells, titles and prompts. */
export function sanitiseLine(text: string): string {
  return sanitise(text.replace(/[\r\n\t\v\f]+/g, ' ')).trim();
}

/** Keeps colours and weights that our own styles put in; everything else as {@link sanitise}. */
export function sanitiseStyled(text: string): string {
  return text
    .split(STYLE)
    .map((part, index) => (index % 2 === 1 ? part : sanitise(part)))
    .join('');
}

/** Every string in a JSON value, cleaned: for answers of a server, where they enter. */
export function sanitiseDeep<T>(value: T): T {
  if (typeof value === 'string') return sanitise(value) as T;
  if (Array.isArray(value)) return value.map((item) => sanitiseDeep(item)) as T;
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [sanitise(key), sanitiseDeep(item)]),
    ) as T;
  }
  return value;
}
