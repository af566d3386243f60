import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Disk } from './disk.ts';
import { segmentName } from './folder.ts';
import type { Batch } from './pending.ts';

/**
 * One file of the journal while it is written. With durability `disk` the file is kept longer than its
 * records by zeros that are written ahead: a record then overwrites bytes that are there already, and syncing it
 * need not sync the file's length and blocks (a third less time and CPU per flush). Sealing cuts them off.
 *
 * After a failed write or sync the file is not used again: what the kernel holds of it can then not be relied
 * on (a second fsync may succeed without having written anything).
 */

const AHEAD = Buffer.alloc(LIMITS.journalAheadBytes);

export class Segment {
  readonly path: string;
  readonly #disk: Disk;
  readonly #fd: number;
  readonly #isSync: boolean;
  /** Bytes of complete records. */
  #length = 0;
  /** Size of the file. */
  #size = 0;

  private constructor(disk: Disk, path: string, fd: number, isSync: boolean) {
    this.#disk = disk;
    this.path = path;
    this.#fd = fd;
    this.#isSync = isSync;
  }

  /** Creates the file of the records from `first` on, and makes its name durable. */
  static async create(
    disk: Disk,
    folder: string,
    first: number,
    ms: number,
    isSync: boolean,
  ): Promise<Segment> {
    for (let later = 0; ; later++) {
      const path = join(folder, segmentName(first, ms + later));
      try {
        const segment = new Segment(disk, path, await disk.create(path, isSync), isSync);
        await segment.#settleName(folder);
        return segment;
      } catch (error) {
        // A segment begun in the same millisecond that never got a record; its name is taken.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || later >= 1_000) throw error;
      }
    }
  }

  async #settleName(folder: string): Promise<void> {
    try {
      await this.#disk.syncFolder(folder);
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  get length(): number {
    return this.#length;
  }

  /** Durability `disk`: calls back once the batch is on the disk. One at a time. */
  write(batch: Batch, done: (error: Error | undefined) => void): void {
    const end = this.#length + batch.length;
    this.#writeFrom(batch, 0, end > this.#size ? AHEAD : undefined, (error) => {
      if (error === undefined) this.#length = end;
      done(error);
    });
  }

  #writeFrom(
    batch: Batch,
    offset: number,
    after: Buffer | undefined,
    done: (error: Error | undefined) => void,
  ): void {
    const left = batch.length - offset;
    const position = this.#length + offset;
    const buffer = offset === 0 ? batch.buffer : batch.buffer.subarray(offset);
    this.#disk.write(this.#fd, buffer, left, after, position, (error, written) => {
      if (error === null) this.#size = Math.max(this.#size, position + written);
      if (error !== null) done(error);
      else if (written >= left) done(undefined);
      else if (written <= 0) done(noProgress(this.path));
      else this.#writeFrom(batch, offset + written, undefined, done);
    });
  }

  /** Durability `kernel`: throws what the system says. */
  writeNow(batch: Batch): void {
    for (let offset = 0; offset < batch.length; ) {
      const left = batch.length - offset;
      const written = this.#disk.writeNow(this.#fd, batch.buffer, offset, left, this.#length + offset);
      if (written <= 0) throw noProgress(this.path);
      offset += written;
      this.#size = this.#length + offset;
    }
    this.#length += batch.length;
  }

  sync(done: (error: Error | null) => void): void {
    this.#disk.sync(this.#fd, done);
  }

  /** The segment is complete: cuts off what is not a record, syncs, closes. */
  async seal(): Promise<void> {
    try {
      if (this.#length === 0) await this.#disk.remove(this.path);
      else if (this.#size !== this.#length || !this.#isSync) {
        await this.#disk.truncate(this.#fd, this.#length);
      }
    } finally {
      await this.#disk.close(this.#fd);
    }
  }

  /** As `seal` after a failure, as far as the disk still does it. */
  async abandon(): Promise<void> {
    await this.seal().catch(() => undefined);
  }
}

function noProgress(path: string): GwError {
  return new GwError('journal_unavailable', `The system wrote nothing to ${path}.`);
}
