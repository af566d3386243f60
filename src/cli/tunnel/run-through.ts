import { childEnvironment } from './endpoint.ts';
import type { ReadyTunnel } from './ready.ts';
import { type CommandEnd, runCommand } from './run-command.ts';

const LAST_BYTES_MS = 300;

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
    // What the command sent last (its goodbye, say) may still be on its way through us.
    const late = new Promise((done) => setTimeout(done, LAST_BYTES_MS).unref());
    await Promise.race([ready.tunnel.listener.drain(), late]);
    await ready.close();
  }
}
