import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { FileConfig, FileSecret } from './file-schema.ts';
import { entries, items, type Loose } from './loose.ts';
import type { Finding, Path } from './problems.ts';

/**
 * Everything the file points at outside itself: environment variables, secret files, programs, keys and
 * certificates. They are looked at so that a missing one shows at start and not at the first connection.
 * No message holds a value.
 */
export interface References {
  env(name: string): string | undefined;
  /** Reads a file of moderate size; throws as node:fs does. */
  read(path: string): Buffer;
  /** Whether a program of this name or path can be run. */
  executable(program: string): boolean;
}

/** Keys, certificate bundles and secrets; the bundle of all public authorities is about 250 KB. */
const MAX_REFERENCE_BYTES = 4 * 1024 * 1024;

export const systemReferences: References = {
  env: (name) => process.env[name],
  read(path) {
    const stat = statSync(path);
    if (stat.isDirectory()) throw Object.assign(new Error('directory'), { code: 'EISDIR' });
    if (stat.size > MAX_REFERENCE_BYTES) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
    return readFileSync(path);
  },
  executable(program) {
    const places = program.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
    return places.some((place) => {
      try {
        accessSync(join(place, program), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  },
};

interface Look {
  readonly references: References;
  readonly folder: string;
}

/** @param folder the folder of the configuration file, against which relative paths are resolved */
export function checkReferences(file: Loose<FileConfig>, references: References, folder: string): Finding[] {
  const look: Look = { references, folder };
  return [
    ...keyPair(file.tls, ['tls'], look),
    ...secret(file.control_database?.url, ['control_database', 'url'], look),
    ...providers(file, look),
    ...targets(file, look),
  ];
}

function* providers(file: Loose<FileConfig>, look: Look): Generator<Finding> {
  for (const [index, provider] of items(file.identity_providers)) {
    const path = ['identity_providers', index];
    yield* authorities(provider.ca, [...path, 'ca'], look);
    yield* secret(provider.discovery_token, [...path, 'discovery_token'], look);
    yield* secret(provider.introspection?.client_secret, [...path, 'introspection', 'client_secret'], look);
  }
}

function* targets(file: Loose<FileConfig>, look: Look): Generator<Finding> {
  for (const [name, target] of entries(file.targets)) {
    const path = ['targets', name];
    yield* secret(target.login?.password, [...path, 'login', 'password'], look);
    yield* authorities(target.tls?.ca, [...path, 'tls', 'ca'], look);
    yield* keyPair(target.tls, [...path, 'tls'], look);
  }
}

function* secret(source: Loose<FileSecret> | undefined, path: Path, look: Look): Generator<Finding> {
  if (source === undefined) return;
  if ('env' in source && source.env !== undefined) {
    const value = look.references.env(source.env);
    const what = value === undefined ? 'is not set' : value === '' ? 'is empty' : undefined;
    if (what !== undefined) {
      yield { path: [...path, 'env'], message: `the environment variable ${source.env} ${what}` };
    }
  } else if ('file' in source && source.file !== undefined) {
    const found = readReference(source.file, look);
    if (typeof found === 'string') yield { path: [...path, 'file'], message: found };
    else if (found.toString('utf8').trim() === '')
      yield { path: [...path, 'file'], message: 'the file is empty' };
  } else if ('command' in source) {
    const program = source.command?.[0];
    if (program !== undefined && !look.references.executable(program)) {
      yield { path: [...path, 'command', 0], message: 'there is no program of this name that can be run' };
    }
  }
}

function* authorities(file: string | undefined, path: Path, look: Look): Generator<Finding> {
  if (file === undefined) return;
  const found = readReference(file, look);
  if (typeof found === 'string') yield { path, message: found };
  else if (!readCertificate(found)) yield { path, message: 'holds no PEM certificate that can be read' };
}

interface Pair {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

function* keyPair(pair: Pair | undefined, path: Path, look: Look): Generator<Finding> {
  const files = (['cert', 'key'] as const).map((name) => {
    const file = pair?.[name];
    return { path: [...path, name], found: file === undefined ? undefined : readReference(file, look) };
  });
  for (const { path: at, found } of files) if (typeof found === 'string') yield { path: at, message: found };
  const [cert, key] = files.map(({ found }) => (typeof found === 'string' ? undefined : found));
  const certificate = cert && readCertificate(cert);
  const publicKey = key && readKey(key);
  if (cert && !certificate)
    yield { path: files[0]!.path, message: 'holds no PEM certificate that can be read' };
  if (key && !publicKey) {
    yield { path: files[1]!.path, message: 'holds no PEM private key that can be read without a passphrase' };
  }
  if (certificate && publicKey && !certificate.publicKey.equals(publicKey)) {
    yield { path: files[1]!.path, message: 'is not the key of the certificate beside it' };
  }
}

function readCertificate(pem: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function readKey(pem: Buffer) {
  try {
    return createPublicKey(createPrivateKey(pem));
  } catch {
    return undefined;
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'the file may not be read by the user the gateway runs as',
  EISDIR: 'is a folder, not a file',
  EFBIG: 'the file is larger than 4 MiB',
};

function readReference(file: string, { references, folder }: Look): Buffer | string {
  try {
    return references.read(resolve(folder, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return WHY[code ?? ''] ?? `the file cannot be read (${code ?? 'unknown error'})`;
  }
}
