import type { Channel, ChannelHandlers } from '../../core/channel.ts';
import type { GwError } from '../../core/errors.ts';
import type { Gate } from '../gate/gate.ts';
import type { Durability, GateMeter, Recorder } from '../gate/types.ts';
import type { Identity } from '../identity/identity.ts';

/** The client's side of a session, past authentication. */
export interface ClientSide {
  readonly channel: Channel;
  /** Hands the stream over: bytes that were read ahead come first. Called once. */
  takeOver(handlers: ChannelHandlers): void;
  /** Until `takeOver`: calls back when the client has gone away. */
  whenGone(callback: () => void): void;
}

/** A client that may open a session: who, where to, until when, and what it asked for. */
export interface Opening {
  readonly client: ClientSide;
  readonly identity: Identity;
  readonly grantId: string;
  /** Milliseconds since the epoch; the session is closed then, whatever happens. */
  readonly endsAtMs: number;
  readonly target: string;
  readonly startup: StartupRequest;
  readonly via: 'tunnel' | 'native';
  readonly remoteAddress: string;
}

export interface StartupRequest {
  readonly major: number;
  readonly minor: number;
  readonly parameters: readonly (readonly [string, string])[];
}

/** How a session reaches its database. `connect` resolves after AuthenticationOk. */
export interface UpstreamConnector {
  connect(
    startup: {
      readonly database: string;
      readonly protocol: { readonly major: number; readonly minor: number };
      readonly parameters: readonly (readonly [string, string])[];
    },
    signal?: AbortSignal,
  ): Promise<{ readonly channel: Channel; readonly negotiation: Buffer | undefined }>;
  cancel(processId: number, secret: Buffer): Promise<void>;
}

export interface SessionTarget {
  readonly name: string;
  readonly database: string;
  /** All that may be asked for, the default included. */
  readonly databases: readonly string[];
  readonly upstream: UpstreamConnector;
}

/** What the record says of one session; its methods throw GwError `journal_unavailable`. */
export interface SessionRecord extends Recorder {
  /** @returns the journal's sequence number. */
  started(): number;
  cancelRequested(): void;
  ended(totals: SessionTotals): void;
}

export interface SessionTotals {
  readonly reason: string;
  readonly durationMs: number;
  readonly statements: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface SessionFacts {
  readonly id: string;
  readonly identity: Identity;
  readonly grantId: string;
  readonly target: string;
  readonly database: string;
  readonly via: 'tunnel' | 'native';
  readonly remoteAddress: string;
  readonly applicationName: string;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
}

/** What the composition hands to sessions. */
export interface SessionDeps {
  readonly now: () => number;
  readonly durability: Durability;
  record(facts: SessionFacts): SessionRecord;
  gate(facts: SessionFacts, record: SessionRecord): Gate;
  readonly meter: SessionMeter;
  log(
    event: 'session_started' | 'session_ended' | 'session_failed',
    facts: SessionFacts,
    error?: GwError,
  ): void;
  /** A random positive 31-bit number. */
  randomProcessId(): number;
  randomBytes(count: number): Buffer;
}

export interface SessionMeter extends GateMeter {
  /** Seconds the gateway added to a statement by waiting for the journal. */
  gate(seconds: number): void;
  bytes(direction: 'in' | 'out', count: number): void;
  sessionOpened(target: string, seconds: number): void;
  sessionClosed(target: string): void;
}
