import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { Unreachable } from './failures.ts';
import type { UpstreamTarget } from './types.ts';

/**
 * The TLS settings of a target as OpenSSL wants them. Built once and again when one of the files was replaced,
 * so that certificates can be renewed while the gateway runs.
 */
export class TlsFiles {
  readonly #tls: UpstreamTarget['tls'];
  #context: Promise<SecureContext> | undefined;
  #version = '';

  constructor(tls: UpstreamTarget['tls']) {
    this.#tls = tls;
  }

  /** Throws Unreachable when a file cannot be read or is not what it should be. */
  async context(): Promise<SecureContext> {
    try {
      const version = await this.#versionOfFiles();
      if (!this.#context || version !== this.#version) {
        this.#version = version;
        this.#context = this.#load();
      }
      return await this.#context;
    } catch (cause) {
      this.#context = undefined;
      throw new Unreachable('cannot be reached: the TLS files of the gateway for it are not usable', {
        cause,
      });
    }
  }

  async #versionOfFiles(): Promise<string> {
    const { ca, cert, key } = this.#tls;
    const versions = await Promise.all(
      [ca, cert, key].map(async (path) => {
        if (path === undefined) return '';
        const { ino, size, mtimeMs, ctimeMs } = await stat(path);
        return [ino, size, mtimeMs, ctimeMs].join(' ');
      }),
    );
    return versions.join('/');
  }

  async #load(): Promise<SecureContext> {
    const { ca: authority, cert: certificate } = this.#tls;
    if (authority === undefined && certificate === undefined) return publicContext();
    const [ca, cert, key] = await Promise.all([this.#tls.ca, this.#tls.cert, this.#tls.key].map(read));
    return createSecureContext({
      minVersion: MIN_VERSION,
      ca: ca === undefined ? publicAuthorities() : ca,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  }
}

const read = async (path: string | undefined): Promise<string | undefined> =>
  path === undefined ? undefined : readFile(path, 'utf8');

const MIN_VERSION = 'TLSv1.2';
let shared: SecureContext | undefined;

/** One for all targets that need no file: hundreds of authorities weigh a megabyte. */
function publicContext(): SecureContext {
  shared ??= createSecureContext({ minVersion: MIN_VERSION, ca: publicAuthorities() });
  return shared;
}

/** Those that Node brings or was told of, and those of the operating system. */
function publicAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
