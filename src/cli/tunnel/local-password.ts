/**
 * Where the system cannot tell who connects to a loopback port, a local client shows that it can read a file
 * only its user can read: a random password, made for one tunnel, in the format of a passfile (manual 34.16).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../core/secret.ts';

const PASSWORD_BYTES = 24;

export class LocalPassword {
  readonly password: Secret;
  /** The passfile, once {@link write} made it. */
  file: string | undefined;
  readonly #expected: Buffer;

  constructor() {
    const text = randomBytes(PASSWORD_BYTES).toString('base64url');
    this.password = new Secret(text);
    this.#expected = digest(Buffer.from(text));
  }

  /** Whether these bytes are the password; takes the same time for every wrong answer. */
  matches(given: Uint8Array): boolean {
    return timingSafeEqual(digest(given), this.#expected);
  }

  /**
   * Writes the passfile, 0600.
   * @param folder a private one
   * @param socketFolder where clients connect over a unix socket: libpq looks that up as `localhost` or the folder
   */
  async write(folder: string, port: number, socketFolder?: string): Promise<string> {
    const file = join(folder, `pass-${randomBytes(6).toString('hex')}`);
    const line = (host: string): string => `${host}:${port}:*:*:${this.password.reveal()}\n`;
    const hosts = ['127.0.0.1', 'localhost', '::1', ...(socketFolder === undefined ? [] : [socketFolder])];
    const text = hosts.map((host) => line(host.replace(/[\\:]/g, '\\$&'))).join('');
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    this.file = file;
    return file;
  }

  async remove(): Promise<void> {
    if (this.file !== undefined) await rm(this.file, { force: true });
    this.file = undefined;
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
