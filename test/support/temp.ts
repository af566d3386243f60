import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Temp folders that are gone afterwards. Removed when the process exits; those of a process that was killed
 * are removed by the next one that asks.
 */
const PREFIX = 'gw-test-';
const made = new Set<string>();

/** Makes a folder in the system's temp folder. It can be disposed (`using`), else it goes when the process ends. */
export function tempDir(label = 'x'): { readonly path: string; [Symbol.dispose](): void } {
  if (made.size === 0) {
    removeOrphans();
    process.once('exit', () => made.forEach(remove));
  }
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
