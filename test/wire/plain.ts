/** Decoded messages as one line of JSON: bytes are `b'text'` when printable, else `x'hex'`. */

export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return printBytes(Buffer.from(value));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, plain(item)]),
  );
}

/** The value that `plain` printed. */
export function revive(value: unknown): unknown {
  if (typeof value === 'string') return reviveBytes(value);
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function printBytes(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  return /^[ -~]*$/.test(text) ? `b'${text}'` : `x'${bytes.toString('hex')}'`;
}

function reviveBytes(text: string): string | Buffer {
  if (/^b'.*'$/s.test(text)) return Buffer.from(text.slice(2, -1), 'latin1');
  if (/^x'[0-9a-f]*'$/.test(text)) return Buffer.from(text.slice(2, -1), 'hex');
  return text;
}
