/**
 * One local client: its first packet is read here, everything after it passes between its socket and its session's
 * stream as it comes, with back-pressure both ways and nothing per message. Encryption requests are answered
 * with no, as PostgreSQL without TLS does; bytes behind them are a violation, since they would have been sent
 * before the answer.
 *
 * A client may be told something of ours (FATAL) only between two messages of the server. That is known without
 * looking at every message: nothing was delivered yet, or the last bytes delivered are a ReadyForQuery. In
 * the middle of an answer the connection just closes; a text there could end up inside a row.
 */
import type { Channel, ChannelHandlers } from '../../core/channel.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { authenticationCleartextPassword } from '../../wire/build-backend.ts';
import { decodeStartup, startupPacketBytes } from '../../wire/startup.ts';
import { BACKEND, FRONTEND } from '../../wire/types.ts';
import type { LocalPassword } from './local-password.ts';
import { fatal } from './refusal.ts';
import { type SessionHandlers, SessionStream, type Way } from './session-stream.ts';

/** What a connection needs of its listener. */
export interface LocalHost {
  readonly way: Way;
  /** Set where clients must show the per-tunnel password. */
  readonly password: LocalPassword | undefined;
  /** The phase changed. */
  moved(connection: LocalConnection): void;
  closed(connection: LocalConnection): void;
}

export type Phase = 'first' | 'password' | 'opening' | 'open' | 'closing';

const NO = Buffer.from('N');
/** Of each kind one, as PostgreSQL takes them. */
const MAX_ENCRYPTION_REQUESTS = 2;
const READY_FOR_QUERY_BYTES = 6;
const PASSWORD_HEADER_BYTES = 5;
const MAX_PASSWORD_BYTES = 1024;
const NOTHING = Buffer.alloc(0);

export class LocalConnection implements ChannelHandlers {
  phase: Phase = 'first';
  /** When the phase of waiting (startup, hanging up) began, for the host's time limits. Monotonic. */
  sinceMs: number;
  /** How long hanging up may take. */
  lingerMs = 0;
  readonly #host: LocalHost;
  readonly #client: Channel;
  /** What came before the session opened; afterwards nothing is kept. */
  #received: Buffer = NOTHING;
  #startup: Buffer = NOTHING;
  #session: SessionStream | undefined;
  #asked = 0;
  /** The last bytes delivered end a message for certain. */
  #isBetweenMessages = true;
  #isClosed = false;

  constructor(host: LocalHost, client: Channel, sinceMs: number) {
    this.#host = host;
    this.#client = client;
    this.sinceMs = sinceMs;
    client.start(this);
  }

  data(chunk: Buffer): void {
    if (this.phase === 'open') {
      if (!this.#session!.write(chunk)) this.#client.pause();
    } else if (this.phase !== 'closing') {
      this.#collect(chunk);
    }
  }

  drain(): void {
    this.#session?.resume();
  }

  end(): void {
    if (this.phase === 'open') this.#session!.end();
    else if (this.phase === 'closing') this.#client.end();
    else this.destroy();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.phase = 'closing';
    this.#session?.destroy();
    this.#host.closed(this);
  }

  /** Tells the client why, where that is possible, and hangs up. */
  refuse(error: GwError): void {
    if (this.phase === 'closing') return;
    this.#session?.destroy();
    if (this.#isBetweenMessages) this.#client.write(fatal(error));
    this.#hangUp(LIMITS.localLingerMs);
  }

  /** At once. `closed` is called later. */
  destroy(): void {
    this.#client.destroy();
  }

  /** Bytes of the server. */
  deliver(chunk: Buffer): void {
    this.#isBetweenMessages = endsReady(chunk);
    if (!this.#client.write(chunk)) this.#session!.pause();
  }

  opened(): void {
    if (this.phase !== 'opening') return;
    this.#move('open');
    if (this.#received.length > 0) this.#session!.write(this.#received);
    this.#received = NOTHING;
    this.#client.resume();
  }

  sessionDrained(): void {
    this.#client.resume();
  }

  /** PostgreSQL has said its last; a slow reader may still have much of it before it. */
  sessionEnded(): void {
    if (this.phase === 'closing') return;
    this.#session!.end();
    this.#hangUp(LIMITS.localGoodbyeMs);
  }

  sessionClosed(error: GwError | undefined): void {
    if (error !== undefined) this.refuse(error);
    else if (this.phase !== 'closing') this.#hangUp(LIMITS.localGoodbyeMs);
  }

  #hangUp(lingerMs: number): void {
    this.#received = NOTHING;
    this.lingerMs = lingerMs;
    this.sinceMs = this.#host.way.now();
    this.#move('closing');
    this.#client.end();
    // What the client still sends is read and dropped, so that the reason is not lost with a reset.
    this.#client.resume();
  }

  #move(phase: Phase): void {
    this.phase = phase;
    this.#host.moved(this);
  }

  #collect(chunk: Buffer): void {
    // `chunk` is valid only now, so what stays is copied.
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      if (this.phase === 'first') this.#readFirst();
      else if (this.phase === 'password') this.#readPassword();
      if (this.phase === 'opening' && this.#received.length > 0) this.#client.pause();
    } catch (error) {
      this.refuse(asGwError(error));
    }
  }

  #readFirst(): void {
    const size = startupPacketBytes(this.#received);
    if (size === undefined || this.#received.length < size) return;
    const packet = decodeStartup(this.#received.subarray(4, size));
    if (packet.kind === 'ssl' || packet.kind === 'gss') {
      this.#answerNo(size);
      return;
    }
    this.#startup = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    if (packet.kind === 'cancel') {
      // A cancel request is never answered: libpq takes any byte for a fault.
      this.#isBetweenMessages = false;
      this.#open(false);
    } else if (this.#host.password === undefined) {
      this.#open(true);
    } else {
      this.#client.write(authenticationCleartextPassword());
      this.#move('password');
      this.#readPassword();
    }
  }

  #answerNo(size: number): void {
    this.#asked++;
    if (this.#received.length > size || this.#asked > MAX_ENCRYPTION_REQUESTS) {
      throw new GwError('protocol_violation', 'Received unencrypted data after an encryption request.', {
        hint: 'Either the client has a bug or somebody tries to slip bytes into its connection.',
      });
    }
    this.#received = NOTHING;
    this.#client.write(NO);
  }

  /** PasswordMessage (manual 55.7): `p`, length, text, zero. */
  #readPassword(): void {
    const received = this.#received;
    if (received.length < PASSWORD_HEADER_BYTES) return;
    const size = 1 + received.readUInt32BE(1);
    if (received[0] !== FRONTEND.password || size < PASSWORD_HEADER_BYTES + 1 || size > MAX_PASSWORD_BYTES) {
      throw new GwError('protocol_violation', 'A password was expected.');
    }
    if (received.length < size) return;
    const isTerminated = received[size - 1] === 0;
    if (!isTerminated || !this.#host.password!.matches(received.subarray(PASSWORD_HEADER_BYTES, size - 1))) {
      throw new GwError('wrong_credential', 'This is not the password of the local tunnel.', {
        hint: 'Use the settings "gw connect" printed: its passfile (PGPASSFILE) has the password.',
      });
    }
    this.#received = received.subarray(size);
    this.#open(true);
  }

  #open(mayRepeat: boolean): void {
    const first = this.#startup;
    this.#startup = NOTHING;
    this.#move('opening');
    this.#session = new SessionStream(this.#host.way, first, new SessionSide(this), mayRepeat);
  }
}

/** What the session's stream tells, handed to its connection. */
class SessionSide implements SessionHandlers {
  readonly #connection: LocalConnection;

  constructor(connection: LocalConnection) {
    this.#connection = connection;
  }
  opened(): void {
    this.#connection.opened();
  }
  data(chunk: Buffer): void {
    this.#connection.deliver(chunk);
  }
  drain(): void {
    this.#connection.sessionDrained();
  }
  end(): void {
    this.#connection.sessionEnded();
  }
  close(error: GwError | undefined): void {
    this.#connection.sessionClosed(error);
  }
}

/** `Z`, length 5, one of I, T and E: ReadyForQuery ends here. */
function endsReady(chunk: Buffer): boolean {
  const at = chunk.length - READY_FOR_QUERY_BYTES;
  return (
    at >= 0 &&
    chunk[at] === BACKEND.readyForQuery &&
    chunk[at + 4] === 5 &&
    chunk[at + 1] === 0 &&
    chunk[at + 2] === 0 &&
    chunk[at + 3] === 0
  );
}
