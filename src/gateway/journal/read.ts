import { setTimeout as sleep } from 'node:timers/promises';
import { GwError } from '../../core/errors.ts';
import { listSegments, type SegmentFile } from './folder.ts';
import { type JournalEntry, SegmentReader } from './segment-reader.ts';

export interface ReadOptions {
  /** The first sequence number wanted; 1 by default. */
  readonly from?: number;
  /** Goes on when the end is reached, until `signal`. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** How often a live journal is looked at, in milliseconds. */
  readonly pollMs?: number;
}

const POLL_MS = 200;

/**
 * The records of a folder in their order, each once, also while a gateway writes it. In a live journal the
 * newest records may not have reached the disk yet. A jump in the sequence numbers means that records are missing.
 * @throws GwError `not_found`, `configuration` when the folder cannot be read
 */
export async function* readJournal(folder: string, options: ReadOptions = {}): AsyncGenerator<JournalEntry> {
  const { from = 1, follow = false, signal, pollMs = POLL_MS } = options;
  let next = from;
  let reader: SegmentReader | undefined;
  try {
    for (;;) {
      const segments = await segmentsOf(folder);
      for (let i = indexOf(segments, reader, next); i < segments.length; i++) {
        if (reader?.path !== segments[i]!.path) {
          await reader?.close();
          reader = new SegmentReader(segments[i]!);
        }
        for await (const entry of reader.read(segments[i + 1]?.first)) {
          if (signal?.aborted) return;
          if (entry.sequence < next) continue;
          next = entry.sequence + 1;
          yield entry;
        }
      }
      if (!follow) return;
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
      if (signal?.aborted) return;
    }
  } finally {
    await reader?.close();
  }
}

/** Where to go on: the segment being read, or the one that holds `next`, or the first behind a gap. */
function indexOf(segments: readonly SegmentFile[], reader: SegmentReader | undefined, next: number): number {
  const known = segments.findIndex((segment) => segment.path === reader?.path);
  if (known !== -1) return known;
  const after = segments.findIndex((segment) => segment.first > next);
  return Math.max(0, (after === -1 ? segments.length : after) - 1);
}

async function segmentsOf(folder: string): Promise<SegmentFile[]> {
  try {
    return await listSegments(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new GwError('not_found', `There is no journal in ${folder}.`, {
        hint: 'Name the data folder of a gateway: the setting "data" in its gw.yaml.',
        cause,
      });
    }
    throw new GwError('configuration', `The journal in ${folder} cannot be read (${code}).`, {
      hint: 'Run this as the user of the gateway.',
      cause,
    });
  }
}
