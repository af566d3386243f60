import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { asGwError } from '../core/errors.ts';
import { loadConfig, readConfig } from './config/config.ts';
import { formatProblems } from './config/problems.ts';
import type { Config } from './config/types.ts';
import { configLoaded, configRefused } from './journal/records.ts';
import { type Gateway, startGateway } from './server.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';

/**
 * The process around a gateway: SIGHUP reads the configuration again, SIGTERM and SIGINT drain and stop, a second
 * one stops at once.
 */
export interface ServeOptions {
  readonly configPath: string;
  readonly logLevel?: string;
  /** Told once the gateway serves. */
  readonly onReady?: (gateway: Gateway) => void;
}

/** Runs until a signal. @returns the exit code. @throws GwError `configuration` and others, before it serves */
export async function serve({ configPath, logLevel, onReady }: ServeOptions): Promise<number> {
  const log = createLogger(logLevel);
  const config = await loadConfig(configPath);
  const gateway = await startGateway(config, log);
  recordConfig(gateway, config, await sha256(configPath), false);
  log.info('ready', {
    address: `${gateway.address.address}:${gateway.address.port}`,
    admin: gateway.adminAddress && `${gateway.adminAddress.address}:${gateway.adminAddress.port}`,
    targets: config.targets.size,
  });
  onReady?.(gateway);
  return untilSignal(gateway, configPath, log);
}

async function untilSignal(gateway: Gateway, configPath: string, log: Logger): Promise<number> {
  const onHangup = (): void => void reload(gateway, configPath, log);
  process.on('SIGHUP', onHangup);
  const signal = await nextSignal();
  log.info('stopping', { signal });
  const stopped = gateway.stop(signal);
  // A second signal does not wait for sessions.
  const again = nextSignal().then(() => gateway.stop(signal, 0));
  try {
    await Promise.race([stopped, again]);
  } catch (error) {
    log.failure('stop_failed', asGwError(error));
    return asGwError(error).exit;
  } finally {
    process.off('SIGHUP', onHangup);
  }
  log.info('stopped', { signal });
  return 0;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/** A file with problems changes nothing: the configuration in force stays, and log and journal say so. */
export async function reload(gateway: Gateway, configPath: string, log: Logger): Promise<boolean> {
  try {
    const digest = await sha256(configPath);
    const { config, problems } = await readConfig(configPath);
    if (!config) {
      refuse(gateway, log, configPath, digest, problems.length, formatProblems(problems, configPath));
      return false;
    }
    const fixed = needRestart(gateway.live.config, config);
    if (fixed.length > 0) log.warn('restart_needed', { settings: fixed.join(', ') });
    await gateway.apply(config);
    recordConfig(gateway, config, digest, true);
    log.info('config_reloaded', { targets: config.targets.size });
    return true;
  } catch (error) {
    refuse(gateway, log, configPath, '', 1, asGwError(error).message);
    return false;
  }
}

function refuse(
  gateway: Gateway,
  log: Logger,
  path: string,
  sha: string,
  problems: number,
  message: string,
): void {
  log.error('config_refused', { problems, message });
  gateway.journal.note(configRefused(systemClock.now(), { path, sha256: sha, problems, message }));
}

function recordConfig(gateway: Gateway, config: Config, sha: string, isReload: boolean): void {
  const facts = { path: config.path, sha256: sha, targets: config.targets.size, reload: isReload };
  gateway.journal.note(configLoaded(systemClock.now(), facts));
}

/** Settings that are read once, at the start. */
function needRestart(before: Config, after: Config): string[] {
  const fixed = {
    listen: 'listen',
    admin: 'admin',
    data: 'data',
    controlDatabase: 'control_database',
    audit: 'audit',
  };
  return Object.entries(fixed)
    .filter(([key]) => !isDeepStrictEqual(before[key as keyof Config], after[key as keyof Config]))
    .map(([, name]) => name);
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
