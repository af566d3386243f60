import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { LoginFailed } from './failures.ts';
import { commandOutput } from './secret-command.ts';
import type { SecretSource } from './types.ts';

/** The password of a login: read when needed, so that it can change while the gateway runs. */
export interface LoginSecret {
  /** The present password. Throws LoginFailed. */
  read(): Promise<Secret>;
  /**
   * The server refused this one. @returns true if there is a different one now, so that trying again makes sense.
   */
  renew(refused: Secret): Promise<boolean>;
}

/** @param environment for sources of kind `env`, `process.env` as a rule */
export function loginSecret(
  source: SecretSource,
  { clock, environment }: { readonly clock: Clock; readonly environment: NodeJS.ProcessEnv },
): LoginSecret {
  switch (source.kind) {
    case 'env':
      return { read: async () => fromEnvironment(source.name, environment), renew: async () => false };
    case 'file':
      return new FileSecret(source.path);
    case 'command':
      return new CommandSecret(source.argv, source.ttlMs, clock);
  }
}

function fromEnvironment(name: string, environment: NodeJS.ProcessEnv): Secret {
  return checked(environment[name] ?? '', `The environment variable ${name} is not set or empty.`);
}

/** One line end is how text files end, not part of the password. */
function checked(text: string, ifEmpty: string): Secret {
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new LoginFailed(ifEmpty);
  if (value.includes('\0')) throw new LoginFailed('The password of the login contains a zero byte.');
  return new Secret(value);
}

/** Read again when the file was replaced or changed, as secret stores and Kubernetes do it. */
class FileSecret implements LoginSecret {
  readonly #path: string;
  #secret: Secret | undefined;
  #version = '';

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Secret> {
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(this.#path);
      const version = [ino, size, mtimeMs, ctimeMs].join(' ');
      if (this.#secret && version === this.#version) return this.#secret;
      if (size > LIMITS.authMessageBytes) throw new LoginFailed('The password file is too large.');
      this.#secret = checked(await readFile(this.#path, 'utf8'), `The file ${this.#path} is empty.`);
      this.#version = version;
      return this.#secret;
    } catch (cause) {
      if (cause instanceof LoginFailed) throw cause;
      throw new LoginFailed(`The password file ${this.#path} cannot be read.`, { cause });
    }
  }

  async renew(refused: Secret): Promise<boolean> {
    this.#secret = undefined;
    return (await this.read()).reveal() !== refused.reveal();
  }
}

/** Run once for all who wait, kept for its time; renewed early when the server refuses it, but not in a storm. */
class CommandSecret implements LoginSecret {
  readonly #argv: readonly string[];
  readonly #ttlMs: number;
  readonly #clock: Clock;
  #running: Promise<Secret> | undefined;
  #secret: Secret | undefined;
  #expiresAtMs = 0;
  #renewedAtMs = Number.NEGATIVE_INFINITY;

  constructor(argv: readonly string[], ttlMs: number, clock: Clock) {
    this.#argv = argv;
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  read(): Promise<Secret> {
    if (this.#secret && this.#clock.monotonic() < this.#expiresAtMs) return Promise.resolve(this.#secret);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async renew(refused: Secret): Promise<boolean> {
    if (this.#secret === refused) {
      const nowMs = this.#clock.monotonic();
      if (nowMs - this.#renewedAtMs < LIMITS.loginRenewIntervalMs) return false;
      this.#renewedAtMs = nowMs;
      this.#secret = undefined;
    }
    return (await this.read()).reveal() !== refused.reveal();
  }

  async #run(): Promise<Secret> {
    const output = await commandOutput(this.#argv);
    this.#secret = checked(output, `The command ${this.#argv[0]} printed no password.`);
    this.#expiresAtMs = this.#clock.monotonic() + this.#ttlMs;
    return this.#secret;
  }
}
