import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateAuthority, createAuthority, type KeyPair } from '../../src/demo/certificates.ts';

/** A CA and a leaf for localhost, 127.0.0.1 and ::1, as PEM and, with {@link writeCerts}, as files. */
export interface TestCerts extends KeyPair {
  readonly ca: string;
  readonly authority: CertificateAuthority;
}

export async function makeCerts(): Promise<TestCerts> {
  const authority = await createAuthority('gw test CA');
  const leaf = await authority.issue();
  return { ...leaf, ca: authority.cert, authority };
}

/** Writes `ca.crt`, `tls.crt` and `tls.key` (0600) into a folder and returns the paths. */
export function writeCerts(
  folder: string,
  certs: { readonly ca: string; readonly cert: string; readonly key: string },
): { ca: string; cert: string; key: string } {
  const paths = { ca: join(folder, 'ca.crt'), cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writeFileSync(paths.ca, certs.ca);
  writeFileSync(paths.cert, certs.cert);
  writeFileSync(paths.key, certs.key, { mode: 0o600 });
  return paths;
}
