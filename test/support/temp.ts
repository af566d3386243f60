import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Temp folders that are gone afterwards: at the end of the test file, or of the process outside of vitest. Those
 * of a process that was killed are removed by the next one that asks.
 */
const PREFIX = 'gw-test-';
const made = new Set<string>();
export const removeAll = (): void => made.forEach(remove);
let swept = false;

// vitest ends its workers without an exit event: there remove-temp.ts does it after each test file.
if (!process.env.VITEST) process.once('exit', removeAll);

/** Makes a folder in the system's temp folder. It can be disposed (`using`), else it goes when the test file or process ends. */
export function tempDir(label = 'x'): { readonly path: string; [Symbol.dispose](): void } {
  if (!swept) removeOrphans();
  swept = true;
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-${label}-`));
  made.add(path);
  return { path, [Symbol.dispose]: () => remove(path) };
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  made.delete(path);
}

function removeOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^gw-test-(\d+)-/.exec(name)?.[1]);
    if (!pid || pid === process.pid || exists(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's; not ours to remove.
    }
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
