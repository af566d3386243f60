import type { Channel } from '../../core/channel.ts';
import { terminate } from '../../wire/build-frontend.ts';

/** Waits between the cancels of a statement that nobody wants any more; after the last one the socket is dropped. */
const PAUSES_MS = [500, 500, 1_000, 2_000, 4_000];

export interface LettingGo {
  /** Terminate has been sent already. */
  readonly terminated: boolean;
  /** A statement may be running that is to be cancelled; undefined: none is. */
  readonly cancel: (() => void) | undefined;
}

/**
 * Lets a database session go: an orderly Terminate, then the end. What runs is cancelled, and again until the
 * server has closed: a cancel that arrives before its statement has begun is lost, and a statement that waits
 * notices nothing else.
 * @returns to be called once the server has closed
 */
export function letGo(upstream: Channel, { terminated, cancel }: LettingGo): () => void {
  let attempt = 0;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    timer = setTimeout(next, PAUSES_MS[attempt++]);
    timer.unref();
  };
  const next = (): void => {
    if (cancel === undefined || attempt === PAUSES_MS.length) {
      upstream.destroy();
      return;
    }
    cancel();
    wait();
  };
  if (!terminated) upstream.write(terminate());
  upstream.end();
  // What still comes is dropped; a server that cannot send would not notice the cancel.
  upstream.resume();
  cancel?.();
  wait();
  return () => clearTimeout(timer);
}
