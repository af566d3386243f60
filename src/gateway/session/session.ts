import type { Channel } from '../../core/channel.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { UpstreamRefused } from '../../core/upstream-refused.ts';
import { authenticationOk, backendKeyData } from '../../wire/build-backend.ts';
import { BACKEND } from '../../wire/types.ts';
import { Writer } from '../../wire/writer.ts';
import type { Gate } from '../gate/gate.ts';
import { ClientLoop } from './client-loop.ts';
import { letGo } from './letting-go.ts';
import { Names } from './names.ts';
import { Operations } from './operations.ts';
import type { SessionRegistry } from './registry.ts';
import type {
  ClientSide,
  Opening,
  SessionDeps,
  SessionFacts,
  SessionRecord,
  SessionTarget,
} from './types.ts';
import { refused, UpstreamLoop } from './upstream-loop.ts';

/** How long a session that ends waits for the message under way to pass, before it is cut. */
const CUT_TIMEOUT_MS = 500;
/** An answer to nobody that is longer than this is not waited for. */
const ANSWER_TO_NOBODY_BYTES = 64 * 1024;

type State = 'opening' | 'relaying' | 'ending' | 'closed';

/**
 * One client connection through the gateway, from an authenticated opening to its end. It owns the two
 * channels and when they close; what passes between them is the business of the two loops. Every way out goes
 * through `#close`, once.
 */
export class Session {
  readonly facts: SessionFacts;
  readonly #deps: SessionDeps;
  readonly #registry: SessionRegistry;
  readonly #target: SessionTarget;
  readonly #client: Channel;
  readonly #record: SessionRecord;
  readonly #gate: Gate;
  readonly #operations = new Operations();
  readonly #abort = new AbortController();
  readonly #clientLoop: ClientLoop;
  readonly #upstreamLoop: UpstreamLoop;
  #upstream: Channel | undefined;
  #upstreamKey: { processId: number; secret: Buffer } | undefined;
  #processId = 0;
  #state: State = 'opening';
  #reason = 'client closed';
  #bytesIn = 0;
  #bytesOut = 0;
  #recorded = false;
  /** Metrics know of it. */
  #counted = false;
  #clientEnded = false;
  /** Sent to a client that has closed after Terminate. */
  #bytesToNobody: number | undefined;
  #upstreamClosed: (() => void) | undefined;
  /** The database has ended its side: there is nothing left to cancel or to say. */
  #upstreamOver = false;
  #timer: NodeJS.Timeout | undefined;
  #goneTimer: NodeJS.Timeout | undefined;

  constructor(
    opening: Opening,
    target: SessionTarget,
    facts: SessionFacts,
    registry: SessionRegistry,
    deps: SessionDeps,
  ) {
    this.facts = facts;
    this.#deps = deps;
    this.#registry = registry;
    this.#target = target;
    this.#client = opening.client.channel;
    this.#record = deps.record(facts);
    this.#gate = deps.gate(facts, this.#record);
    const names = new Names();
    this.#clientLoop = new ClientLoop({
      gate: this.#gate,
      operations: this.#operations,
      names,
      durability: deps.durability,
      write: (bytes) => this.#toUpstream(bytes),
      endUpstream: () => this.#upstream?.end(),
      waited: (seconds) => deps.meter.gate(seconds),
      pauseClient: () => this.#client.pause(),
      resumeClient: () => this.#client.resume(),
      fail: (error) => this.finish(error),
    });
    this.#upstreamLoop = new UpstreamLoop({
      gate: this.#gate,
      operations: this.#operations,
      names,
      write: (bytes) => this.#toClient(bytes),
      copyInBegan: () => this.#clientLoop.copyInBegan(),
      copyInEnded: () => this.#clientLoop.copyInEnded(),
      backendKey: (processId, secret) => this.#ownKey(processId, secret),
      fail: (error) => this.finish(error),
    });
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Opens the way to the database and relays until either side ends; it is in the registry already, and leaves
   * it by itself. Never throws: a client is told why.
   */
  async run(
    opening: Opening,
    database: string,
    parameters: readonly (readonly [string, string])[],
  ): Promise<void> {
    const began = performance.now();
    opening.client.whenGone(() => this.#goneWhileOpening());
    try {
      await this.#recordStart();
      const { major, minor } = opening.startup;
      const startup = { database, protocol: { major, minor }, parameters };
      const { channel, negotiation } = await this.#target.upstream.connect(startup, this.#abort.signal);
      this.#relay(opening.client, channel, negotiation, performance.now() - began);
    } catch (error) {
      this.#refuseOpening(error);
    }
  }

  /** Asks the database to cancel what this session runs. */
  async cancel(): Promise<void> {
    if (!this.#upstreamKey || this.#state === 'closed') return;
    this.#record.cancelRequested();
    await this.#cancelUpstream();
  }

  async #cancelUpstream(): Promise<void> {
    const key = this.#upstreamKey;
    if (key) await this.#target.upstream.cancel(key.processId, key.secret);
  }

  /** Ends the session with a FATAL error between two messages; what runs is cancelled. Idempotent. */
  finish(error: GwError): void {
    if (this.#state === 'closed' || this.#state === 'ending') return;
    const opening = this.#state === 'opening';
    this.#state = 'ending';
    this.#reason = error.message;
    if (error.level !== 'info') this.#deps.log('session_failed', this.facts, error);
    if (opening) {
      this.#abort.abort(error);
      this.#sayAndClose(refused(error, 'FATAL'));
      return;
    }
    if (this.#operations.count > 0) this.#cancelQuietly();
    this.#timer = setTimeout(() => this.#close(), CUT_TIMEOUT_MS);
    this.#timer.unref();
    this.#upstreamLoop.cutAtBoundary(() => this.#sayAndClose(refused(error, 'FATAL')));
  }

  /** The session grant's absolute end has come. */
  reachedEnd(): void {
    this.finish(
      new GwError('session_ended', 'This session has reached the end of its session grant.', {
        hint: 'Connect again; if that is refused, sign in again with: gw login',
      }),
    );
  }

  async #recordStart(): Promise<void> {
    const sequence = this.#record.started();
    this.#recorded = true;
    await new Promise<void>((resolve, reject) => {
      this.#deps.durability.whenDurable(sequence, (error) => (error ? reject(error) : resolve()));
    });
    if (this.#state !== 'opening') throw new GwError('cancelled', 'The client went away.');
  }

  #relay(client: ClientSide, upstream: Channel, negotiation: Buffer | undefined, tookMs: number): void {
    if (this.#state !== 'opening') {
      upstream.destroy();
      return;
    }
    this.#upstream = upstream;
    this.#state = 'relaying';
    this.#counted = true;
    this.#deps.meter.sessionOpened(this.facts.target, tookMs / 1_000);
    this.#deps.log('session_started', this.facts);
    if (negotiation) this.#toClient(negotiation);
    this.#toClient(authenticationOk());
    client.takeOver({
      data: (chunk) => this.#fromClient(chunk),
      drain: () => this.#upstream?.resume(),
      end: () => this.#clientEnd(),
      close: () => this.#clientClosed(),
    });
    upstream.start({
      data: (chunk) => this.#fromUpstream(chunk),
      drain: () => this.#clientLoop.upstreamDrained(),
      end: () => this.#upstreamGone(),
      close: () => {
        this.#upstreamClosed?.();
        this.#upstreamGone();
      },
    });
  }

  #refuseOpening(error: unknown): void {
    // Ended meanwhile: what there was to say has been said.
    if (this.#state !== 'opening') return;
    this.#state = 'ending';
    const known = asGwError(error);
    this.#reason = known.message;
    if (known.level !== 'info') this.#deps.log('session_failed', this.facts, known);
    this.#sayAndClose(relayable(known) ?? refused(known, 'FATAL'));
  }

  #fromClient(chunk: Buffer): void {
    if (this.#state !== 'relaying') return;
    this.#bytesIn += chunk.length;
    this.#deps.meter.bytes('in', chunk.length);
    this.#clientLoop.receive(chunk);
  }

  #fromUpstream(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#bytesOut += chunk.length;
    this.#deps.meter.bytes('out', chunk.length);
    if (this.#bytesToNobody !== undefined) {
      this.#bytesToNobody += chunk.length;
      if (this.#bytesToNobody > ANSWER_TO_NOBODY_BYTES) {
        this.#close();
        return;
      }
    }
    this.#upstreamLoop.receive(chunk);
    this.#clientLoop.answered();
  }

  #toUpstream(bytes: Uint8Array): boolean {
    return this.#state === 'relaying' && this.#upstream ? this.#upstream.write(bytes) : true;
  }

  #toClient(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (!this.#client.write(bytes)) this.#upstream?.pause();
  }

  #ownKey(processId: number, secret: Buffer): Buffer {
    this.#upstreamKey = { processId, secret };
    // A longer key only where protocol 3.2 gave one: older clients read exactly four bytes.
    const own = this.#deps.randomBytes(secret.length === 4 ? 4 : 32);
    this.#processId = this.#registry.addKey(this, own, () => this.#deps.randomProcessId());
    return backendKeyData(this.#processId, own);
  }

  #goneWhileOpening(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#abort.abort(new GwError('cancelled', 'The client went away.'));
    this.#close();
  }

  /**
   * What the client sent before it ended its direction is still carried out, for a while: nearly always it is
   * gone, and a long statement would run on for nobody.
   */
  #clientEnd(): void {
    this.#clientEnded = true;
    this.#clientLoop.clientEnded();
    if (this.#clientLoop.terminated) return;
    this.#goneTimer = setTimeout(() => this.#clientClosed(), LIMITS.clientGoneMs);
    this.#goneTimer.unref();
  }

  #clientClosed(): void {
    // After Terminate the database finishes and closes by itself; its answers go nowhere.
    if (this.#state === 'relaying' && this.#clientLoop.terminated) {
      this.#bytesToNobody = 0;
      this.#upstream?.resume();
      return;
    }
    this.#close();
  }

  /** The database has closed. If it did not say why, the client is told that much. */
  #upstreamGone(): void {
    this.#upstreamOver = true;
    if (this.#state !== 'relaying') {
      this.#close();
      return;
    }
    this.#state = 'ending';
    const orderly = this.#upstreamLoop.fatal || this.#clientLoop.terminated || this.#clientEnded;
    if (!orderly) this.#reason = 'database closed the connection';
    const lost = new GwError(
      'gateway_unreachable',
      `The connection to target "${this.facts.target}" was lost.`,
      {
        hint: 'Connect again; the open transaction was rolled back.',
      },
    );
    this.#sayAndClose(orderly || !this.#upstreamLoop.atBoundary ? undefined : refused(lost, 'FATAL'));
  }

  /** Last words, then the end of our direction. The client closes; if it does not, it is cut. */
  #sayAndClose(words: Buffer | undefined): void {
    if (words) this.#client.write(words);
    this.#client.end();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#close(), CUT_TIMEOUT_MS);
    this.#timer.unref();
    this.#release();
  }

  #cancelQuietly(): void {
    this.#cancelUpstream().catch((error: unknown) =>
      this.#deps.log('session_failed', this.facts, asGwError(error)),
    );
  }

  #release(): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    if (!upstream) return;
    if (this.#upstreamOver) {
      upstream.destroy();
      return;
    }
    this.#upstreamClosed = letGo(upstream, {
      terminated: this.#clientLoop.terminated,
      cancel: this.#operations.count > 0 ? () => this.#cancelQuietly() : undefined,
    });
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    clearTimeout(this.#goneTimer);
    this.#release();
    this.#client.destroy();
    this.#registry.removeKey(this.#processId);
    this.#registry.remove(this, this.facts.identity.id);
    this.#recordEnd();
  }

  #recordEnd(): void {
    if (this.#counted) this.#deps.meter.sessionClosed(this.facts.target);
    if (!this.#recorded) return;
    this.#deps.log('session_ended', this.facts);
    try {
      this.#record.ended({
        reason: this.#reason,
        durationMs: this.#deps.now() - this.facts.startedAtMs,
        statements: this.#gate.count,
        bytesIn: this.#bytesIn,
        bytesOut: this.#bytesOut,
      });
    } catch (error) {
      this.#deps.log('session_failed', this.facts, asGwError(error));
    }
  }
}

/** An ErrorResponse of the database itself is passed on as it is. */
function relayable(error: GwError): Buffer | undefined {
  if (!(error instanceof UpstreamRefused)) return undefined;
  return new Writer(BACKEND.errorResponse).bytes(error.fields).end();
}
