/**
 * What must be undone at the end, last thing first: after a run, after an error, and after Ctrl-C or SIGTERM.
 * A step that fails does not keep the others from running.
 */
export type Undo = () => unknown;

const steps: Undo[] = [];
const urgent: Undo[] = [];
let running: Promise<void> | undefined;

/** Returns what takes the step back. */
export function atEnd(undo: Undo): () => void {
  steps.push(undo);
  return () => {
    const at = steps.lastIndexOf(undo);
    if (at >= 0) steps.splice(at, 1);
  };
}

/** What is being started is stopped at the end too, even when the end comes before it is up. */
export async function untilEnd<T>(starting: Promise<T>, stop: (started: T) => unknown): Promise<T> {
  atEnd(async () => {
    const started = await starting.catch(() => undefined);
    if (started !== undefined) await stop(started);
  });
  return starting;
}

/** For what must be undone before everything else, whenever the end comes. */
export function firstAtEnd(undo: Undo): void {
  urgent.push(undo);
}

/** Whether the end has begun: what fails now was stopped. */
export const isEnding = (): boolean => running !== undefined;

/** Idempotent; resolves when everything is undone. */
export function cleanUp(): Promise<void> {
  running ??= (async () => {
    steps.push(...urgent.splice(0));
    for (let undo = steps.pop(); undo; undo = steps.pop()) {
      try {
        await undo();
      } catch (error) {
        process.stderr.write(`bench: while cleaning up: ${String(error)}\n`);
      }
    }
  })();
  return running;
}

/** Cleans up when the process is told to end, then ends it as the signal would have. */
export function cleanUpOnSignals(): void {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => void cleanUp().then(() => process.exit(128 + number)));
  }
}
