import { childEnvironment } from './endpoint.ts';
import type { ReadyTunnel } from './ready.ts';
import { type CommandEnd, runCommand } from './run-command.ts';

export interface ThroughOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The caller's environment. */
  readonly env: NodeJS.ProcessEnv;
  onSignal(handler: (signal: NodeJS.Signals) => void): () => void;
}

/** Runs a command with its environment pointed at the tunnel; takes the tunnel down afterwards, whatever happened. */
export async function runThrough(ready: ReadyTunnel, options: ThroughOptions): Promise<CommandEnd> {
  try {
    return await runCommand({ ...options, env: childEnvironment(options.env, ready.local.endpoint) });
  } finally {
    await ready.close();
  }
}
