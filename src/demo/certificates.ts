import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate authority that lives in memory, and what it signs. ECDSA P-256, PEM throughout. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** Common name: for a client certificate the database role. Default: the first host. */
  readonly name?: string;
  /** Host names and IP addresses. Default: localhost, 127.0.0.1, ::1. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface CertificateAuthority extends KeyPair {
  /** Signs a leaf that is good for servers and clients. */
  issue(options?: LeafOptions): Promise<KeyPair>;
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
const DAY_MS = 86_400_000;
const ec = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** @param name common name of the authority */
export async function createAuthority(name = 'gw demo CA'): Promise<CertificateAuthority> {
  const root = await generate([{ name: 'commonName', value: name }], {
    ...ec,
    ...validity({}),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    cert: root.cert,
    key: root.private,
    async issue(options = {}) {
      const hosts = options.hosts ?? LOOPBACK;
      const leaf = await generate([{ name: 'commonName', value: options.name ?? hosts[0] ?? 'leaf' }], {
        ...ec,
        ...validity(options),
        ca: { cert: root.cert, key: root.private },
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          { name: 'subjectAltName', altNames: hosts.map(alternativeName) },
        ],
      });
      return { cert: leaf.cert, key: leaf.private };
    },
  };
}

/** From an hour ago, because clocks differ, to 30 days ahead. */
function validity({ notBefore, notAfter }: LeafOptions): { notBeforeDate: Date; notAfterDate: Date } {
  return {
    notBeforeDate: notBefore ?? new Date(Date.now() - DAY_MS / 24),
    notAfterDate: notAfter ?? new Date(Date.now() + 30 * DAY_MS),
  };
}

function alternativeName(host: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(host) ? { type: 7, ip: host } : { type: 2, value: host };
}
