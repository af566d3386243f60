/** Characters that JSON may carry as they are but a terminal would obey; written as \\u escapes instead. */
const UNSAFE = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** JSON text that is safe on a terminal and means exactly the value. */
export function toJson(value: unknown, indent: boolean): string {
  const text = JSON.stringify(value, undefined, indent ? 2 : undefined) ?? 'null';
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
