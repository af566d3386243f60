import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../core/clock.ts';
import { asGwError, GwError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { VERSION } from '../core/version.ts';
import type { Config } from './config/types.ts';
import { openControlDatabase } from './control-database.ts';
import { GrantDesk } from './credentials.ts';
import { Desk } from './desk.ts';
import { Gate } from './gate/gate.ts';
import { openHttpSide } from './http-side.ts';
import type { Journal } from './journal/journal.ts';
import { openJournal } from './journal/open.ts';
import { gatewayStarted, gatewayStopped, signInRefused } from './journal/records.ts';
import { recordRefusal, sessionRecord } from './journalled.ts';
import { KeyRing } from './key-ring.ts';
import type { EntranceLog } from './listener/entrance.ts';
import { NativeEntrance } from './listener/native.ts';
import { type Certificate, Port } from './listener/port.ts';
import { TunnelEntrance } from './listener/tunnel.ts';
import { type Live, makeLive } from './live.ts';
import { SessionRegistry } from './session/registry.ts';
import { ensureDataFolder } from './store/control-folder.ts';
import type { Store } from './store/store.ts';
import type { Logger } from './telemetry/logger.ts';
import { Metrics } from './telemetry/metrics.ts';

/**
 * Puts the gateway together, and takes it apart in the right order. It decides nothing: every rule is in the part
 * that owns it.
 *
 *   up    journal → control database → keys → listeners        (nothing is served that cannot be recorded)
 *   down  no new connections → tunnels told → sessions drained → sessions ended → database → journal
 */

const SWEEP_INTERVAL_MS = 200;
const HEARTBEAT_INTERVAL_MS = 10_000;
const KEY_REFRESH_INTERVAL_MS = 60_000;
/** After the drain deadline, sessions get this long to be told why they end. */
const FAREWELL_MS = 2_000;

export interface Gateway {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo | undefined;
  readonly live: Live;
  readonly journal: Journal;
  /** Takes another configuration into use. Sessions that exist are not touched. */
  apply(config: Config): Promise<void>;
  /** Stops within `drainMs` plus a few seconds. Called again it is the same stop, which may be over sooner. */
  stop(reason: string, drainMs?: number): Promise<void>;
}

export async function startGateway(
  config: Config,
  log: Logger,
  clock: Clock = systemClock,
): Promise<Gateway> {
  const undo: (() => Promise<unknown> | unknown)[] = [];
  try {
    return await assemble(config, log, clock, undo);
  } catch (error) {
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => {});
    throw error;
  }
}

async function assemble(
  config: Config,
  log: Logger,
  clock: Clock,
  undo: (() => Promise<unknown> | unknown)[],
): Promise<Gateway> {
  const id = randomBytes(8).toString('hex');
  const name = hostname();
  const metrics = new Metrics();
  const certificate = await readCertificate(config);

  await ensureDataFolder(config.data);
  const journal = await openJournal({
    folder: join(config.data, 'journal'),
    durability: config.audit.durability,
    clock,
    onUnhealthy: (error) => log.failure('journal_failed', error),
    onRecovered: () => log.info('journal_recovered'),
    onFlush: (seconds) => metrics.journalFlush(seconds),
  });
  undo.push(() => journal.close());

  const store = await openControlDatabase(config, (line) => log.debug('control_database', { line }), clock);
  undo.push(() => store.close());
  const keys = await KeyRing.open(store.signingKeys);

  let live = makeLive(config, keys, undefined, clock);
  const registry = new SessionRegistry(limitsOf(config));
  const issued = (): void => metrics.signIn('ok');
  const grants = new GrantDesk({ live: () => live, journal, store, gatewayId: id, clock, issued });
  const desk = new Desk({
    registry,
    target: (target) => live.targets.get(target),
    refused: (opening, error) => {
      recordRefusal(journal, clock, opening, error);
      log.event('session_refused', error, { target: opening.target, remote: opening.remoteAddress });
    },
    deps: {
      now: () => clock.now(),
      durability: journal,
      record: (facts) => sessionRecord(journal, clock, facts),
      gate: (_, recorder) =>
        new Gate({
          decide: () => ALLOWED,
          recorder,
          meter: metrics,
          monotonic: () => clock.monotonic(),
        }),
      meter: metrics,
      log: (event, facts, error) =>
        log.event(event, error, {
          session: facts.id,
          target: facts.target,
          who: facts.identity.id,
          via: facts.via,
        }),
    },
  });
  const entranceLog: EntranceLog = {
    refused(error, remote, via) {
      journal.note(signInRefused(clock.now(), { remote, via, code: error.code, message: error.message }));
      metrics.signIn(error.code);
      log.event('sign_in_refused', error, { remote, via });
    },
  };
  const tunnels = new TunnelEntrance(grants, desk, entranceLog);
  const native = new NativeEntrance(grants, desk, entranceLog);
  const http = openHttpSide({
    id,
    name,
    clock,
    live: () => live,
    grants,
    registry,
    journal,
    store,
    metrics,
    tunnels,
    log,
  });
  undo.push(() => http.close());
  metrics.watch({ tunnels: () => tunnels.size, journalHealthy: () => journal.healthy });

  const port = new Port(certificate, {
    tunnel: (socket, known) => tunnels.accept(socket, known),
    http: (socket) => http.accept(socket),
    native: (socket, known) => void native.accept(socket, known),
    cancel: (processId, secret) => desk.cancel(processId, secret),
    refused: (error, remote) => log.debug('connection_refused', { remote, reason: error.message }),
  });
  const address = await port.listen(config.listen.host, config.listen.port);
  undo.push(() => port.close());
  const adminAddress = config.admin && (await http.listenAdmin(config.admin.listen));

  const gateway = { id, name, version: VERSION };
  await store.registerGateway(gateway);
  journal.append(
    gatewayStarted(clock.now(), { gateway: id, version: VERSION, pid: process.pid, host: name }),
  );
  const timers = startTimers({ registry, tunnels, store, keys, gateway, log, clock });
  undo.push(() => timers.stop());

  let stopping: Promise<void> | undefined;
  const { promise: drained, resolve: endDrain } = Promise.withResolvers<void>();
  const shutDown = async (reason: string): Promise<void> => {
    const leaving = new GwError('shutting_down', 'This gateway is shutting down.', {
      hint: 'Connect again.',
    });
    http.leave();
    port.close();
    registry.close(leaving);
    tunnels.drain();
    await Promise.race([registry.whenEmpty(), drained]);
    registry.endAll(leaving);
    await orLater(registry.whenEmpty(), FAREWELL_MS);
    timers.stop();
    tunnels.destroy();
    await http.close();
    await store
      .unregisterGateway(id)
      .catch((error: unknown) => log.failure('unregister_failed', asGwError(error)));
    await store.close();
    metrics.close();
    journal.note(gatewayStopped(clock.now(), { gateway: id, reason }));
    await journal.close();
  };

  return {
    address,
    adminAddress,
    journal,
    get live() {
      return live;
    },
    async apply(next) {
      const renewed = await readCertificate(next);
      const nextLive = makeLive(next, keys, live, clock);
      // What can fail comes before the first change.
      port.certificate = renewed;
      live = nextLive;
      registry.limits = limitsOf(next);
    },
    stop(reason, drainMs = live.config.drainMs) {
      setTimeout(endDrain, drainMs).unref();
      stopping ??= shutDown(reason);
      return stopping;
    },
  };
}

/** Who reaches a target through its `connect` rule may run any statement there. */
const ALLOWED = { outcome: 'allow', rule: 'connect' } as const;

const limitsOf = ({ limits }: Config) => ({
  sessions: limits.sessions,
  perIdentity: limits.sessionsPerIdentity,
});

async function readCertificate({ tls }: Config): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(tls.cert), readFile(tls.key)]);
    return { cert, key };
  } catch (cause) {
    throw new GwError(
      'configuration',
      `Cannot read the TLS certificate or key: ${(cause as Error).message}`,
      {
        hint: 'Check tls.cert and tls.key in the configuration.',
        cause,
      },
    );
  }
}

function startTimers(parts: {
  registry: SessionRegistry;
  tunnels: TunnelEntrance;
  store: Store;
  keys: KeyRing;
  gateway: { id: string; name: string; version: string };
  log: Logger;
  clock: Clock;
}): { stop(): void } {
  const { registry, tunnels, store, keys, gateway, log, clock } = parts;
  const quietly = (what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => log.failure(what, asGwError(error)));
  };
  const timers = [
    setInterval(() => registry.sweep(clock.now()), SWEEP_INTERVAL_MS),
    setInterval(() => tunnels.ping(), LIMITS.tunnelPingIntervalMs),
    setInterval(() => quietly('heartbeat_failed', store.heartbeat(gateway)), HEARTBEAT_INTERVAL_MS),
    setInterval(() => quietly('key_refresh_failed', keys.refresh()), KEY_REFRESH_INTERVAL_MS),
  ];
  return { stop: () => timers.forEach(clearInterval) };
}

/** Waits for `work`, at most `ms`. */
async function orLater(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    work,
    new Promise<void>((done) => {
      timer = setTimeout(done, ms);
    }),
  ]);
  clearTimeout(timer);
}
