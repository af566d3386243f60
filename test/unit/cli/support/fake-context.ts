import { join } from 'node:path';
import type { GatewaySetting } from '../../../../src/cli/auth/open-gateway.ts';
import { findPaths, type Paths } from '../../../../src/cli/auth/paths.ts';
import type { Output } from '../../../../src/cli/render/output.ts';
import { createOutput } from '../../../../src/cli/render/terminal-output.ts';
import type { Clock } from '../../../../src/core/clock.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { tempDir } from '../../../support/temp.ts';

/** A stream that keeps what is written; not a terminal. */
export class MemoryStream {
  text = '';
  readonly isTTY = false;
  write(chunk: string | Uint8Array): boolean {
    this.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  }
  once(): this {
    return this;
  }
  off(): this {
    return this;
  }
  on(): this {
    return this;
  }
}

export interface MemoryOutput extends Output {
  readonly stdout: MemoryStream;
  readonly stderr: MemoryStream;
}

export function memoryOutput(options: { json?: boolean; quiet?: boolean } = {}): MemoryOutput {
  const [stdout, stderr] = [new MemoryStream(), new MemoryStream()];
  const out = createOutput({
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    env: {},
    stdout,
    stderr,
  });
  return Object.assign(out, { stdout, stderr });
}

/** Folders of gw in a temp folder of their own. */
export function tempPaths(): Paths {
  return findPaths({ GW_CONFIG_HOME: join(tempDir('cli').path, 'gw') });
}

/** A clock that is set by hand. */
export function handClock(startMs = Date.now()): Clock & { nowMs: number } {
  const clock = { nowMs: startMs, now: () => clock.nowMs, monotonic: () => clock.nowMs };
  return clock;
}

export function memorySetting(
  env: NodeJS.ProcessEnv = {},
  paths: Paths = tempPaths(),
  clock: Clock = systemClock,
): GatewaySetting & { readonly out: MemoryOutput } {
  return { env, clock, paths, out: memoryOutput(), canPrompt: false, proxyFor: () => undefined };
}
