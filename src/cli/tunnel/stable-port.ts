/**
 * The same port for the same target each time, so that a GUI's saved connection keeps working: derived from
 * gateway and target, and remembered once one of them was taken by something else.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Above PostgreSQL's own, below the ranges from which systems take ports for outgoing connections. */
const FIRST_PORT = 15_432;
const PORTS = 10_000;
/** How many are tried when ports are taken. */
const CANDIDATES = 50;
const MAX_REMEMBERED = 1_000;

/** The ports to try, in order, for a key such as `https://gw.example.com/ prod-db`. */
export function portCandidates(key: string, remembered?: number): number[] {
  const start = createHash('sha256').update(key).digest().readUInt32BE(0) % PORTS;
  const derived = Array.from({ length: CANDIDATES }, (_, step) => FIRST_PORT + ((start + step) % PORTS));
  return remembered === undefined ? derived : [remembered, ...derived.filter((port) => port !== remembered)];
}

/** The port remembered for the key. A file that is missing or damaged is as if empty. */
export async function rememberedPort(file: string, key: string): Promise<number | undefined> {
  return (await readPorts(file)).get(key);
}

/** Remembers the first port a key got; later ones do not replace it (a second tunnel would move the first). */
export async function rememberPort(file: string, key: string, port: number): Promise<void> {
  const ports = await readPorts(file);
  if (ports.has(key)) return;
  ports.set(key, port);
  const kept = [...ports].slice(-MAX_REMEMBERED);
  const draft = `${file}.${process.pid}`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeFile(draft, `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`, { mode: 0o600 });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function readPorts(file: string): Promise<Map<string, number>> {
  try {
    const entries = Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, number] => isPort(entry[1])));
  } catch {
    return new Map();
  }
}

const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) > 1_023 && (value as number) < 65_536;
