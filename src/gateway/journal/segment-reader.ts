import { type FileHandle, open } from 'node:fs/promises';
import { LIMITS } from '../../core/limits.ts';
import type { SegmentFile } from './folder.ts';

/** One record as it was written; docs/audit.md names the events and their members. */
export interface JournalEntry {
  readonly sequence: number;
  /** Path of its segment. */
  readonly segment: string;
  /** `{ event: 'unreadable' }` for a line that is not JSON or too long to be one of ours. */
  readonly record: JournalRecord;
}

export interface JournalRecord {
  readonly event: string;
  readonly [member: string]: unknown;
}

const UNREADABLE: JournalRecord = { event: 'unreadable' };
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads one segment, which may still be growing: `read` gives what is there and can be called again for what
 * was added since. It ends at the first zero byte, at the end of the file or where the next segment begins,
 * whichever is first.
 */
export class SegmentReader {
  readonly path: string;
  #sequence: number;
  #file: FileHandle | undefined;
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #position = 0;
  #isSkipping = false;

  constructor(segment: SegmentFile) {
    this.path = segment.path;
    this.#sequence = segment.first;
  }

  /** @param end sequence number at which the next segment begins, when there is one. */
  async *read(end: number = Number.POSITIVE_INFINITY): AsyncGenerator<JournalEntry> {
    this.#file ??= await openExisting(this.path);
    if (this.#file === undefined) return;
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#chunk, 0, this.#chunk.length, this.#position);
      const zero = this.#chunk.subarray(0, bytesRead).indexOf(0);
      const data = this.#chunk.subarray(0, zero === -1 ? bytesRead : zero);
      const isEnd = zero !== -1 || bytesRead < this.#chunk.length;
      let at = 0;
      for (let newline = data.indexOf(NEWLINE); newline !== -1; newline = data.indexOf(NEWLINE, at)) {
        if (this.#sequence >= end) return;
        const entry = this.#entry(data.subarray(at, newline));
        at = newline + 1;
        // Before the yield: the caller may not come back.
        this.#position += entry.length;
        yield entry.entry;
      }
      if (isEnd) return;
      if (at === 0) this.#makeRoom(data.length);
    }
  }

  #entry(line: Buffer): { entry: JournalEntry; length: number } {
    const record = this.#isSkipping ? UNREADABLE : parse(line);
    this.#isSkipping = false;
    return {
      entry: { sequence: this.#sequence++, segment: this.path, record },
      length: line.length + 1,
    };
  }

  /** A line longer than the chunk: a larger chunk, or, beyond the limit, what is there is passed over. */
  #makeRoom(seen: number): void {
    if (this.#chunk.length < LIMITS.journalLineBytes) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.min(LIMITS.journalLineBytes, this.#chunk.length * 2));
    } else {
      this.#isSkipping = true;
      this.#position += seen;
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** A segment without records is removed when it is sealed, perhaps since it was listed. */
async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(line: Buffer): JournalRecord {
  try {
    const value: unknown = JSON.parse(line.toString());
    if (typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string') {
      return value as JournalRecord;
    }
  } catch {
    // Not ours, or damaged: said by the event.
  }
  return UNREADABLE;
}
