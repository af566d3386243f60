import { jsonLine } from './json-text.ts';

/**
 * The lines of everything but statements (those are in statement-lines.ts), one function per event. Each
 * returns a line for Journal.append or Journal.note, without its newline. Times are milliseconds since the
 * epoch; in the line they are RFC 3339 in UTC. docs/audit.md has the format.
 */

const at = (ms: number): string => new Date(ms).toISOString();

/** Who is behind an event, as far as it is known. */
export interface WhoFacts {
  /** Identity: issuer and subject. */
  readonly who: string;
  /** What people call it. */
  readonly name: string;
}

export interface GatewayStartedFacts {
  readonly gateway: string;
  readonly version: string;
  readonly pid: number;
  readonly host: string;
}

export const gatewayStarted = (time: number, facts: GatewayStartedFacts): string =>
  jsonLine({
    event: 'gateway_started',
    time: at(time),
    gateway: facts.gateway,
    version: facts.version,
    pid: facts.pid,
    host: facts.host,
  });

/** @param reason what asked for it: a signal's name, or why the gateway gave up. */
export const gatewayStopped = (time: number, facts: { gateway: string; reason: string }): string =>
  jsonLine({ event: 'gateway_stopped', time: at(time), gateway: facts.gateway, reason: facts.reason });

/** @param facts sha256: of the file as it was read. */
export const configLoaded = (
  time: number,
  facts: { path: string; sha256: string; targets: number; reload: boolean },
): string =>
  jsonLine({
    event: 'config_loaded',
    time: at(time),
    path: facts.path,
    sha256: facts.sha256,
    targets: facts.targets,
    reload: facts.reload,
  });

/** A new configuration was not taken; the old one stays. @param facts problems: how many. */
export const configRefused = (
  time: number,
  facts: { path: string; sha256: string; problems: number; message: string },
): string =>
  jsonLine({
    event: 'config_refused',
    time: at(time),
    path: facts.path,
    sha256: facts.sha256,
    problems: facts.problems,
    message: facts.message,
  });

/** A credential was refused. Nothing of it is recorded, only where it came from and why it was refused. */
export const signInRefused = (
  time: number,
  facts: { remote: string; via: string; code: string; message: string },
): string =>
  jsonLine({
    event: 'sign_in_refused',
    time: at(time),
    remote: facts.remote,
    via: facts.via,
    code: facts.code,
    message: facts.message,
  });

export interface SessionGrantIssuedFacts extends WhoFacts {
  readonly grant: string;
  readonly kind: 'human' | 'machine';
  readonly provider: string;
  readonly groups: readonly string[];
  readonly target: string;
  readonly because: string;
  readonly remote: string;
  readonly expiresAt: number;
  readonly endsAt: number;
}

export const sessionGrantIssued = (time: number, facts: SessionGrantIssuedFacts): string =>
  jsonLine({
    event: 'session_grant_issued',
    time: at(time),
    grant: facts.grant,
    who: facts.who,
    name: facts.name,
    kind: facts.kind,
    provider: facts.provider,
    groups: facts.groups,
    target: facts.target,
    because: facts.because,
    remote: facts.remote,
    expires_at: at(facts.expiresAt),
    ends_at: at(facts.endsAt),
  });

export interface SessionStartedFacts extends WhoFacts {
  readonly session: string;
  readonly grant: string;
  readonly kind: 'human' | 'machine';
  readonly provider: string;
  readonly groups: readonly string[];
  readonly target: string;
  readonly database: string;
  readonly remote: string;
  /** `tunnel` or `native`. */
  readonly via: string;
  /** application_name the client gave. */
  readonly application: string;
  readonly endsAt: number;
}

export const sessionStarted = (time: number, facts: SessionStartedFacts): string =>
  jsonLine({
    event: 'session_started',
    time: at(time),
    session: facts.session,
    grant: facts.grant,
    who: facts.who,
    name: facts.name,
    kind: facts.kind,
    provider: facts.provider,
    groups: facts.groups,
    target: facts.target,
    database: facts.database,
    remote: facts.remote,
    via: facts.via,
    application: facts.application,
    ends_at: at(facts.endsAt),
  });

/** An identity that is known was not let in. */
export const sessionRefused = (
  time: number,
  facts: WhoFacts & { target: string; database?: string; remote: string; code: string; message: string },
): string =>
  jsonLine({
    event: 'session_refused',
    time: at(time),
    who: facts.who,
    name: facts.name,
    target: facts.target,
    database: facts.database,
    remote: facts.remote,
    code: facts.code,
    message: facts.message,
  });

/** A client asked PostgreSQL to stop what the session is doing. */
export const cancelRequested = (time: number, facts: { session: string; remote: string }): string =>
  jsonLine({ event: 'cancel_requested', time: at(time), session: facts.session, remote: facts.remote });

export interface SessionEndedFacts extends WhoFacts {
  readonly session: string;
  readonly target: string;
  /** Who closed it and why: `client`, `upstream`, or a code of core/errors. */
  readonly reason: string;
  readonly durationMs: number;
  readonly statements: number;
  /** Bytes from the client, and to it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export const sessionEnded = (time: number, facts: SessionEndedFacts): string =>
  jsonLine({
    event: 'session_ended',
    time: at(time),
    session: facts.session,
    who: facts.who,
    name: facts.name,
    target: facts.target,
    reason: facts.reason,
    duration_ms: Math.round(facts.durationMs),
    statements: facts.statements,
    bytes_in: facts.bytesIn,
    bytes_out: facts.bytesOut,
  });

export interface RecoveryFacts {
  /** Sequence numbers, both inclusive: whoever waited for one of these was refused; `to` < `from` when there is none. */
  readonly from: number;
  readonly to: number;
  /** Records of what already happened for which there was no room while the disk failed. */
  readonly lost: number;
  /** Code of the system error, e.g. `ENOSPC`. */
  readonly cause: string;
}

/** The journal could not be written for a while and can be again. Written by the journal itself. */
export const journalRecovered = (time: number, facts: RecoveryFacts): string =>
  jsonLine({
    event: 'journal_recovered',
    time: at(time),
    from: facts.from,
    to: facts.to,
    lost: facts.lost,
    cause: facts.cause,
  });
