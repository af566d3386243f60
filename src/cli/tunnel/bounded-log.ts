import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Two files of this size at most: weeks of a background tunnel's notes. */
const MAX_LOG_BYTES = 256 * 1024;

/** Appends lines with their time to a file of bounded size; a log that cannot be written is no reason to stop. */
export function boundedLog(file: string, now: () => number): (text: string) => void {
  return (text) => {
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES)
        renameSync(file, `${file}.old`);
      appendFileSync(file, `${new Date(now()).toISOString()} ${text}\n`, { mode: 0o600 });
    } catch {
      // Nowhere to tell it.
    }
  };
}
