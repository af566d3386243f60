/**
 * A tunnel that stands until it is told to stop, or its session grant ends. The first request to stop drains: no
 * new connections, those that exist may finish. The second cuts them.
 */
import { GwError } from '../../core/errors.ts';
import type { Reporter, Sayings } from './reporter.ts';
import { closing, type Tunnel } from './tunnel.ts';

export interface Stops {
  /** Calls back for each request to stop; `isUrgent` from the second on. Returns the way to stop listening. */
  onStop(handler: (isUrgent: boolean) => void): () => void;
}

export type ServeEnd = 'stopped' | 'ended';

/** Resolves when the tunnel is closed, with the reason why. */
export async function serveUntilStopped(
  tunnel: Tunnel,
  reporter: Reporter,
  stops: Stops,
  say: Sayings,
): Promise<ServeEnd> {
  const end = await new Promise<ServeEnd>((resolve) => {
    const remove = stops.onStop((isUrgent) => {
      if (isUrgent) return finish('stopped');
      const open = tunnel.listener.openConnections;
      if (open > 0) say.note(`Waiting for ${countOf(open)} to end. Ask again to cut.`);
      void tunnel.listener.drain().then(() => finish('stopped'));
    });
    const finish = (how: ServeEnd): void => {
      remove();
      resolve(how);
    };
    void reporter.whenEnded.then(() => finish('ended'));
  });
  await tunnel.close(end === 'ended' ? grantEnded(tunnel.way.target) : closing());
  return end;
}

/** What a session whose grant is over is told, and the exit code with it. */
export function grantEnded(target: string): GwError {
  return new GwError('expired', `The session grant for ${target} has ended.`, {
    hint: `Connect again: gw connect ${target}`,
  });
}

/** `1 connection`, `3 connections`. */
export function countOf(count: number): string {
  return `${count} connection${count === 1 ? '' : 's'}`;
}
