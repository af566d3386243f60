import { type Clock, systemClock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Secret } from '../../core/secret.ts';
import { type DialAddress, dialChannel } from '../../core/socket-channel.ts';
import { decodeParameterStatus } from '../../wire/backend.ts';
import { cancelRequest, startup as startupMessage, terminate } from '../../wire/build-frontend.ts';
import { BACKEND } from '../../wire/types.ts';
import { authenticate, type Credentials } from './authenticate.ts';
import { type Attempt, withDeadline } from './deadline.ts';
import { encrypt, type SafeOpening } from './encrypt.ts';
import { explain, LoginFailed, ServerError, Unreachable } from './failures.ts';
import { type LoginSecret, loginSecret } from './login-secret.ts';
import { Opening } from './opening.ts';
import { throwIfRefused } from './refusal.ts';
import { ScramKeyCache } from './scram.ts';
import { TlsFiles } from './tls-files.ts';
import type { ProbeResult, UpstreamConnection, UpstreamStartup, UpstreamTarget } from './types.ts';

export interface UpstreamOptions {
  readonly clock?: Clock;
  /** Where passwords of kind `env` are; default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Dial, TLS and sign-in together; default `LIMITS.upstreamConnectTimeoutMs`. */
  readonly connectTimeoutMs?: number;
  /** Default `LIMITS.cancelTimeoutMs`. */
  readonly cancelTimeoutMs?: number;
}

/**
 * The way to one target: dial, TLS, sign in with the gateway's login. Keeps only what makes the next connection cheaper
 * (password, TLS context, SCRAM keys); connections belong to who asked for them.
 */
export class Upstream {
  readonly #target: UpstreamTarget;
  readonly #secret: LoginSecret | undefined;
  readonly #tlsFiles: TlsFiles;
  readonly #scramKeys = new ScramKeyCache();
  readonly #connectTimeoutMs: number;
  readonly #cancelTimeoutMs: number;

  constructor(target: UpstreamTarget, options: UpstreamOptions = {}) {
    const { clock = systemClock, environment = process.env } = options;
    const { password } = target.login;
    this.#target = target;
    this.#secret = password && loginSecret(password, { clock, environment });
    this.#tlsFiles = new TlsFiles(target.tls);
    this.#connectTimeoutMs = options.connectTimeoutMs ?? LIMITS.upstreamConnectTimeoutMs;
    this.#cancelTimeoutMs = options.cancelTimeoutMs ?? LIMITS.cancelTimeoutMs;
  }

  /**
   * Opens a connection up to and including AuthenticationOk.
   *
   * @param signal gives up; the promise then rejects with the signal's reason if that is a GwError, else `cancelled`
   * @throws GwError `database_unreachable`; `UpstreamRefused` for what the client should read in the server's own
   *   words; `unsupported` for a replication connection
   */
  async connect(startup: UpstreamStartup, signal?: AbortSignal): Promise<UpstreamConnection> {
    const message = this.#startupMessage(startup);
    return this.#within(this.#connectTimeoutMs, signal, async (attempt) => {
      const { opening, negotiation } = await this.#signIn(message, attempt);
      return { channel: opening.handOver(), negotiation };
    });
  }

  /**
   * Sends a CancelRequest over a connection of its own, with the target's TLS mode. PostgreSQL does not say
   * whether there was anything to cancel: resolves when it has taken the request.
   */
  cancel(processId: number, secret: Buffer): Promise<void> {
    return this.#within(this.#cancelTimeoutMs, undefined, async (attempt) => {
      const { opening } = await this.#open(attempt);
      attempt.phase('delivering a cancel request');
      try {
        opening.send(cancelRequest(processId, secret));
        await opening.closed();
      } finally {
        opening.destroy();
      }
    });
  }

  /** Connects, waits until the server is ready for a query, and leaves. Throws as `connect`. */
  async probe(database: string, signal?: AbortSignal): Promise<ProbeResult> {
    const message = this.#startupMessage({
      database,
      protocol: { major: 3, minor: 0 },
      parameters: [['application_name', 'gw probe']],
    });
    return this.#within(this.#connectTimeoutMs, signal, async (attempt) => {
      const { opening } = await this.#signIn(message, attempt);
      try {
        const serverVersion = await readServerVersion(opening);
        opening.send(terminate());
        await opening.closed();
        return { serverVersion, isEncrypted: opening.isEncrypted };
      } finally {
        opening.destroy();
      }
    });
  }

  async #within<T>(
    limitMs: number,
    signal: AbortSignal | undefined,
    run: (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    const timeUp = (phase: string): GwError =>
      explain(
        this.#target.name,
        new Unreachable(`did not answer within ${limitMs / 1_000} seconds (${phase})`),
      );
    try {
      return await withDeadline(limitMs, signal, timeUp, run);
    } catch (error) {
      throw signal?.aborted && error instanceof GwError ? error : explain(this.#target.name, error);
    }
  }

  /** Signs in; once more if the server refused the password and there is another one now. */
  async #signIn(
    message: Buffer,
    attempt: Attempt,
  ): Promise<{ opening: Opening; negotiation: Buffer | undefined }> {
    let used: Secret | undefined;
    const password = async (): Promise<Secret> => {
      if (!this.#secret) throw new LoginFailed('The server asks for a password and the login has none.');
      used = await this.#secret.read();
      return used;
    };
    try {
      return await this.#signInOnce(message, password, attempt);
    } catch (error) {
      const isRefused = error instanceof ServerError && error.isAboutLogin;
      if (!isRefused || !used || !(await this.#secret!.renew(used))) throw error;
      return this.#signInOnce(message, password, attempt);
    }
  }

  async #signInOnce(
    message: Buffer,
    password: () => Promise<Secret>,
    attempt: Attempt,
  ): Promise<{ opening: Opening; negotiation: Buffer | undefined }> {
    const { opening, binding } = await this.#open(attempt);
    try {
      attempt.phase('signing in');
      opening.send(message);
      const credentials: Credentials = {
        user: this.#target.login.user,
        password,
        mayUseCleartext: () => this.#mayUseCleartext(opening),
        binding,
        scramKeys: this.#scramKeys,
      };
      const { negotiation } = await authenticate(opening, credentials);
      attempt.phase('starting a session');
      await throwIfRefused(opening);
      return { opening, negotiation };
    } catch (error) {
      opening.destroy();
      throw error;
    }
  }

  /** Dials and encrypts. */
  async #open(attempt: Attempt): Promise<SafeOpening> {
    attempt.phase('connecting');
    const { signal } = attempt;
    const channel = await dialChannel(this.#address(), { signal });
    const opening = new Opening(channel, false, signal);
    try {
      attempt.phase('agreeing on TLS');
      return await encrypt(opening, this.#target, () => this.#tlsFiles.context(), signal);
    } catch (error) {
      opening.destroy();
      throw error;
    }
  }

  #address(): DialAddress {
    const { host, port } = this.#target;
    return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
  }

  #startupMessage({ database, protocol, parameters }: UpstreamStartup): Buffer {
    if (parameters.some(([name]) => name === 'replication')) {
      throw new GwError('unsupported', 'Replication connections do not pass the gateway.');
    }
    const own = [
      ['user', this.#target.login.user],
      ['database', database],
    ] as const;
    return startupMessage(
      [...own, ...parameters.filter(([name]) => own.every(([n]) => n !== name))],
      protocol,
    );
  }

  #mayUseCleartext(opening: Opening): boolean {
    const { host, login } = this.#target;
    if (opening.isEncrypted || login.allowCleartext === true || host.startsWith('/')) return true;
    return isLoopback(opening.channel.remoteAddress);
  }
}

/** @param address undefined when it is not known any more */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^((::ffff:)?127(\.\d{1,3}){3}|::1)$/.test(address);
}

/** Reads up to ReadyForQuery. */
async function readServerVersion(opening: Opening): Promise<string> {
  const isExpected = (type: number): boolean =>
    type === BACKEND.parameterStatus ||
    type === BACKEND.backendKeyData ||
    type === BACKEND.noticeResponse ||
    type === BACKEND.errorResponse ||
    type === BACKEND.readyForQuery;
  let version = 'unknown';
  for (;;) {
    const { type, body } = await opening.message(isExpected);
    if (type === BACKEND.errorResponse) throw new ServerError(body);
    if (type === BACKEND.readyForQuery) return version;
    if (type !== BACKEND.parameterStatus) continue;
    const { name, value } = decodeParameterStatus(body);
    if (name === 'server_version') version = value;
  }
}
