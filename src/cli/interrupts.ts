import { GwError } from '../core/errors.ts';
import type { InterruptSignal, Interrupts } from './context.ts';

const SIGNALS: readonly InterruptSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface ProcessInterrupts extends Interrupts {
  /** The last one that a handler was called for. */
  readonly last: InterruptSignal | undefined;
}

/** Signals of this process. The system's default holds again as soon as no handler is left. */
export function processInterrupts(): ProcessInterrupts {
  const handlers = new Set<(signal: InterruptSignal, count: number) => void>();
  let count = 0;
  let last: InterruptSignal | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    count++;
    last = signal as InterruptSignal;
    for (const handler of [...handlers]) handler(signal as InterruptSignal, count);
  };
  return {
    get last() {
      return last;
    },
    onInterrupt(handler) {
      if (handlers.size === 0) for (const signal of SIGNALS) process.on(signal, listener);
      handlers.add(handler);
      return () => {
        handlers.delete(handler);
        if (handlers.size === 0) for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
  };
}

/** 128 plus the number of the signal, as shells count. */
const EXITS: Readonly<Record<InterruptSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

export const exitOfSignal = (signal: InterruptSignal): number => EXITS[signal];

/** Runs work with a signal that is aborted, with a GwError `interrupted`, by the first interrupt. */
export async function untilInterrupted<T>(
  interrupt: Interrupts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const remove = interrupt.onInterrupt(() => abort.abort(new GwError('interrupted', 'Interrupted.')));
  try {
    return await work(abort.signal);
  } finally {
    remove();
  }
}
