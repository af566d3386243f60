import { chmod, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The journal's folder: segments named by their first sequence number and when they were begun, so that their
 * names sort in the order of their records. A record's sequence number is its segment's first plus its line.
 *
 * A segment may end in zeros (room prepared ahead) or in a torn line (a crash): what counts is the complete lines
 * before the first zero. And it ends where the next segment begins: lines beyond that were never acknowledged.
 */
export interface SegmentFile {
  readonly path: string;
  readonly first: number;
}

const NAME = /^(\d{16})-\d{8}T\d{9}Z\.jsonl$/;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export function segmentName(first: number, ms: number): string {
  const time = new Date(ms).toISOString().replace(/[-:.]/g, '');
  return `${String(first).padStart(16, '0')}-${time}.jsonl`;
}

/** The segments in the order of their records. */
export async function listSegments(folder: string): Promise<SegmentFile[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
  return names.map((name) => ({ path: join(folder, name), first: Number(name.slice(0, 16)) }));
}

/** Makes the folder when it is not there; only its owner may look into it. */
export async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/**
 * Brings the end of the journal into order after a crash: cuts off what follows the last complete line, and
 * removes segments without any.
 * @returns the sequence number of the next record.
 */
export async function recoverFolder(folder: string): Promise<number> {
  for (const segment of (await listSegments(folder)).reverse()) {
    const lines = await cutTail(segment.path);
    if (lines > 0) return segment.first + lines;
    await unlink(segment.path);
  }
  return 1;
}

/** @returns how many complete lines remain. */
async function cutTail(path: string): Promise<number> {
  const file = await open(path, 'r+');
  try {
    const { lines, end, size } = await scan(file);
    if (end < size) {
      await file.truncate(end);
      await file.sync();
    }
    return lines;
  } finally {
    await file.close();
  }
}

interface Scan {
  readonly lines: number;
  /** Offset behind the last complete line. */
  readonly end: number;
  readonly size: number;
}

async function scan(file: Awaited<ReturnType<typeof open>>): Promise<Scan> {
  const { size } = await file.stat();
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
  let lines = 0;
  let end = 0;
  for (let position = 0; position < size; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    const zero = chunk.subarray(0, bytesRead).indexOf(0);
    const data = chunk.subarray(0, zero === -1 ? bytesRead : zero);
    for (let at = data.indexOf(NEWLINE); at !== -1; at = data.indexOf(NEWLINE, at + 1)) {
      lines++;
      end = position + at + 1;
    }
    if (zero !== -1 || bytesRead === 0) break;
    position += bytesRead;
  }
  return { lines, end, size };
}
