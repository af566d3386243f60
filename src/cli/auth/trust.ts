/**
 * Whom to trust: the roots that come with Node (with NODE_EXTRA_CA_CERTS), those of the operating system,
 * and a file of the user's. Reading the system's takes tens of milliseconds, so it waits until the others
 * are not enough.
 */
import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import { GwError } from '../../core/errors.ts';

export interface Trust {
  /** All roots as PEM; undefined for those of Node alone. */
  readonly ca: string | undefined;
  /** The roots of the system are among them. */
  readonly withSystem: boolean;
  /** Adds the system's roots; @returns false when they are in already. */
  addSystemRoots(): boolean;
}

/**
 * @param withSystem it is known that the roots of the system are needed
 * @throws GwError `configuration` when the file is not there or holds no certificate.
 */
export async function createTrust(caFile: string | undefined, withSystem: boolean): Promise<Trust> {
  const extra = caFile === undefined ? undefined : await readCaFile(caFile);
  const trust = emptyTrust(extra);
  if (withSystem) trust.addSystemRoots();
  return trust;
}

function emptyTrust(extra: string | undefined): Trust {
  let ca = extra === undefined ? undefined : pem([...getCACertificates('default'), extra]);
  let withSystem = false;
  return {
    get ca() {
      return ca;
    },
    get withSystem() {
      return withSystem;
    },
    addSystemRoots() {
      if (withSystem) return false;
      withSystem = true;
      const roots = new Set([...getCACertificates('default'), ...systemRoots()]);
      ca = pem(extra === undefined ? [...roots] : [...roots, extra]);
      return true;
    },
  };
}

/** Some systems cannot tell their roots; that must not stop those who do not need them. */
function systemRoots(): string[] {
  try {
    return getCACertificates('system');
  } catch {
    return [];
  }
}

const pem = (certificates: readonly string[]): string => certificates.map((one) => one.trim()).join('\n');

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
