import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { API_VERSION, type Discovery, type Status } from '../contract/api.ts';
import type { Clock } from '../core/clock.ts';
import { GwError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import { createAdminServer } from './api/admin.ts';
import { createApi } from './api/api.ts';
import { createApiServer } from './api/node-http.ts';
import type { Config, HostPort } from './config/types.ts';
import type { GrantDesk } from './credentials.ts';
import type { Identity } from './identity/identity.ts';
import type { Journal } from './journal/journal.ts';
import { signInRefused } from './journal/records.ts';
import type { TunnelEntrance } from './listener/tunnel.ts';
import { type Live, reachable } from './live.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { Store } from './store/store.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** The API on the TLS port, and metrics and health on the admin port. */
export interface HttpSide {
  /** A TLS connection that speaks HTTP/1.1. */
  accept(socket: Socket): void;
  listenAdmin(at: HostPort): Promise<AddressInfo>;
  /** Readiness goes red: the gateway is leaving. */
  leave(): void;
  close(): Promise<void>;
}

export interface HttpSideParts {
  readonly id: string;
  readonly name: string;
  readonly clock: Clock;
  readonly live: () => Live;
  readonly grants: GrantDesk;
  readonly registry: SessionRegistry;
  readonly journal: Journal;
  readonly store: Pick<Store, 'ping'>;
  readonly metrics: Metrics;
  readonly tunnels: TunnelEntrance;
  readonly log: Logger;
}

const STORE_CHECK_INTERVAL_MS = 5_000;

export function openHttpSide(parts: HttpSideParts): HttpSide {
  const startedAtMs = parts.clock.now();
  const health = watchHealth(parts);
  const api = createApi({
    discovery: () => discovery(parts),
    authenticate: (token) => parts.live().authenticator.authenticate(token),
    targetsFor: (identity) =>
      reachable(parts.live(), identity).map(({ target: { config }, because }) => ({
        name: config.name,
        ...(config.description !== undefined && { description: config.description }),
        database: config.database,
        databases: [...config.databases],
        because,
      })),
    issueSessionGrant: async (identity, target, remoteAddress) => {
      const { token, claims } = await parts.grants.issue(identity, target, remoteAddress);
      return {
        id: claims.id,
        token,
        target,
        database: parts.live().targets.get(target)?.database ?? target,
        user: identity.email ?? identity.name,
        issued_at: iso(claims.issuedAtMs),
        expires_at: iso(claims.expiresAtMs),
        ends_at: iso(claims.endsAtMs),
      };
    },
    status: (identity) => status(parts, identity, startedAtMs),
    readiness: health.readiness,
    refused: (error, remote, route) => {
      parts.journal.note(
        signInRefused(parts.clock.now(), {
          remote,
          via: `api ${route}`,
          code: error.code,
          message: error.message,
        }),
      );
      parts.metrics.signIn(error.code);
      parts.log.event('sign_in_refused', error, { remote, via: route });
    },
    failed: (error, route) => parts.log.failure('request_failed', error, { route }),
    now: () => parts.clock.now(),
  });
  const server = createApiServer(api);
  const admin = createAdminServer({ metricsText: () => parts.metrics.text(), readiness: health.readiness });
  return {
    accept: (socket) => server.emit('connection', socket),
    listenAdmin: (at) => listen(admin, at),
    leave: health.leave,
    close: async () => {
      health.stop();
      server.closeAllConnections();
      admin.closeAllConnections();
      admin.close();
    },
  };
}

function discovery({ id, clock, live }: HttpSideParts): Discovery {
  const { config } = live();
  return {
    gateway: id,
    version: VERSION,
    api_versions: [API_VERSION],
    time: iso(clock.now()),
    machine_audience: machineAudience(config),
    sign_in: config.identityProviders.flatMap(({ name, issuer, signIn }) =>
      signIn === undefined
        ? []
        : [
            {
              name,
              issuer,
              client_id: signIn.clientId,
              scopes: [...signIn.scopes],
              ...(signIn.resource !== undefined && { resource: signIn.resource }),
              ...(signIn.audience !== undefined && { audience: signIn.audience }),
              token: signIn.token,
            },
          ],
    ),
  };
}

/** The first audience of a provider of machines; where there is none, any: then nobody asks with it. */
function machineAudience({ identityProviders }: Config): string {
  const provider = identityProviders.find(({ kind }) => kind === 'machine') ?? identityProviders[0];
  return provider?.audience[0] ?? 'gw';
}

function status({ id, clock, registry }: HttpSideParts, identity: Identity, startedAtMs: number): Status {
  return {
    gateway: id,
    version: VERSION,
    time: iso(clock.now()),
    uptime_ms: clock.now() - startedAtMs,
    sessions: registry.of(identity.id).map(({ facts }) => ({
      id: facts.id,
      target: facts.target,
      database: facts.database,
      started_at: iso(facts.startedAtMs),
      ends_at: iso(facts.endsAtMs),
      client: `${facts.via} ${facts.remoteAddress} ${facts.applicationName}`.trimEnd(),
    })),
  };
}

/** Readiness: the journal can be written and the control database answers; red for good once we leave. */
function watchHealth({ journal, store }: HttpSideParts) {
  let storeProblem: string | undefined;
  let leaving = false;
  const check = (): void => {
    store.ping().then(
      () => {
        storeProblem = undefined;
      },
      (error: unknown) => {
        storeProblem = error instanceof GwError ? error.message : 'The control database does not answer.';
      },
    );
  };
  const timer = setInterval(check, STORE_CHECK_INTERVAL_MS);
  return {
    readiness: () => {
      const checks = {
        journal: {
          ok: journal.healthy,
          ...(!journal.healthy && { message: 'The journal cannot be written.' }),
        },
        control_database: { ok: storeProblem === undefined, ...(storeProblem && { message: storeProblem }) },
        accepting: { ok: !leaving, ...(leaving && { message: 'This gateway is shutting down.' }) },
      };
      return { ready: Object.values(checks).every(({ ok }) => ok), checks };
    },
    leave: () => {
      leaving = true;
    },
    stop: () => clearInterval(timer),
  };
}

function listen(server: Server, { host, port }: HostPort): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new GwError('configuration', `Cannot listen on ${host}:${port} (admin): ${cause.message}`, { cause }),
      );
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();
