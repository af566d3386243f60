/** The Authentication messages: type R, then a code that says which (manual 55.7). */
import { GwError } from '../core/errors.ts';
import { Reader } from './reader.ts';

export type Authentication =
  | { readonly kind: 'ok' | 'kerberosV5' | 'cleartextPassword' | 'gss' | 'sspi' }
  | { readonly kind: 'md5Password' /** Four bytes. */; readonly salt: Buffer }
  | { readonly kind: 'gssContinue' | 'saslContinue' | 'saslFinal'; readonly data: Buffer }
  | {
      readonly kind: 'sasl' /** In the server's order of preference. */;
      readonly mechanisms: readonly string[];
    };

export const AUTHENTICATION = {
  ok: 0,
  kerberosV5: 2,
  cleartextPassword: 3,
  md5Password: 5,
  gss: 7,
  gssContinue: 8,
  sspi: 9,
  sasl: 10,
  saslContinue: 11,
  saslFinal: 12,
} as const satisfies Record<Authentication['kind'], number>;

const KINDS = new Map(
  Object.entries(AUTHENTICATION).map(([kind, code]) => [code as number, kind as Authentication['kind']]),
);

/** Reads the body of a message of type R. Throws `unsupported` for a code the manual does not have. */
export function decodeAuthentication(body: Buffer): Authentication {
  const reader = new Reader('Authentication', body);
  const code = reader.u32('the code');
  const kind = KINDS.get(code);
  const result = kind && decodeKind(kind, reader);
  if (result === undefined) {
    throw new GwError('unsupported', `The database asks for an unknown kind of authentication (${code}).`);
  }
  reader.end();
  return result;
}

function decodeKind(kind: Authentication['kind'], reader: Reader): Authentication {
  switch (kind) {
    case 'md5Password':
      return { kind, salt: reader.bytes(4, 'the salt') };
    case 'gssContinue':
    case 'saslContinue':
    case 'saslFinal':
      return { kind, data: reader.rest() };
    case 'sasl':
      return { kind, mechanisms: decodeMechanisms(reader) };
    default:
      return { kind };
  }
}

function decodeMechanisms(reader: Reader): string[] {
  const mechanisms: string[] = [];
  for (;;) {
    const name = reader.name('the mechanism list');
    if (name === '') return mechanisms;
    mechanisms.push(name);
  }
}
