/**
 * Whom to trust. The first try is the cheap one: for the gateway the file given with --ca, if there is one, for
 * others the roots that come with Node (with NODE_EXTRA_CA_CERTS). Where that is not enough, everything counts:
 * those, the file, and the roots of the operating system, which take tens of milliseconds to read.
 */
import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import { GwError } from '../../core/errors.ts';

export interface Trust {
  /** The roots for a server, as PEM; undefined for those of Node. */
  rootsFor(url: URL): string | undefined;
  /** Everything counts for this server. */
  isWide(url: URL): boolean;
  /** Let everything count for this server; @returns false when it did already. */
  widen(url: URL): boolean;
}

export interface TrustOptions {
  readonly gateway: URL;
  readonly caFile?: string | undefined;
  /** It is known that the gateway needs everything. */
  readonly wide?: boolean | undefined;
}

/** @throws GwError `configuration` when the file is not there or holds no certificate */
export async function createTrust({ gateway, caFile, wide }: TrustOptions): Promise<Trust> {
  const file = caFile === undefined ? undefined : await readCaFile(caFile);
  const widened = new Set<string>(wide ? [gateway.origin] : []);
  let everything: string | undefined;
  return {
    rootsFor(url) {
      if (widened.has(url.origin)) {
        everything ??= allRoots(file);
        return everything;
      }
      return url.origin === gateway.origin ? file : undefined;
    },
    isWide: (url) => widened.has(url.origin),
    widen(url) {
      if (widened.has(url.origin)) return false;
      widened.add(url.origin);
      return true;
    },
  };
}

function allRoots(file: string | undefined): string {
  const roots = new Set([...getCACertificates('default'), ...systemRoots()].map((one) => one.trim()));
  if (file !== undefined) roots.add(file.trim());
  return [...roots].join('\n');
}

/** Some systems cannot tell their roots; that must not stop those who do not need them. */
function systemRoots(): string[] {
  try {
    return getCACertificates('system');
  } catch {
    return [];
  }
}

async function readCaFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new GwError('configuration', `The CA file ${path} cannot be read.`, {
      hint: 'Check --ca, GW_CA and tls.ca of the profile.',
      cause: error,
    });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new GwError('configuration', `The CA file ${path} holds no certificate in PEM form.`, {
      hint: 'It must begin with -----BEGIN CERTIFICATE-----. For DER: openssl x509 -inform der -in FILE -out ca.pem',
    });
  }
  return text;
}
