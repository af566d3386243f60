import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import type { Disk } from './disk.ts';
import { type Journal, journalUnavailable } from './journal.ts';
import { type Batch, Pending } from './pending.ts';
import type { RecoveryFacts } from './records.ts';
import { Segment } from './segment.ts';
import { type Done, Waiters } from './waiters.ts';

/**
 * The journal's engine: group commit. One batch is on its way to the disk at a time; everything that comes
 * meanwhile goes with the next. What nobody waits for (outcomes) goes with what somebody waits for, or after a
 * short while, so it costs no write of its own.
 *
 *   append → pending → batch (one write) → durable → whoever waits is called back
 *
 * When the disk fails: everyone who waits is told so and no record is taken; the segment is given up; what was
 * not acknowledged stays in memory under its sequence numbers and is tried again in a new segment, so no number
 * is used twice and none is left out. Whoever was told no is told no for good: `#refused` remembers the range,
 * and a record of it follows, so that a reader knows which statements did not run.
 */

export interface WriterSettings {
  readonly folder: string;
  /** `disk`: on the disk before it is acknowledged. `kernel`: in the kernel; on the disk soon after. */
  readonly durability: 'disk' | 'kernel';
  readonly segmentBytes: number;
  readonly pendingBytes: number;
  readonly reserveBytes: number;
  readonly lingerMs: number;
  readonly syncIntervalMs: number;
  readonly retryMs: number;
  readonly stallMs: number;
  readonly clock: Clock;
  readonly disk: Disk;
  /** Makes the record that follows a failure. */
  readonly describeRecovery: (timeMs: number, facts: RecoveryFacts) => string;
  /** The disk failed; called once per failure. */
  readonly onUnhealthy: (error: GwError) => void;
  /** It works again. */
  readonly onRecovered: (facts: RecoveryFacts) => void;
  /** One batch took this long. */
  readonly onFlush: (seconds: number) => void;
}

export class JournalWriter implements Journal {
  readonly #settings: WriterSettings;
  readonly #release: () => Promise<void>;
  readonly #pending = new Pending();
  readonly #waiters = new Waiters();
  readonly #flushSoon = (): void => this.#flush();
  #segment: Segment | undefined;
  #next: number;
  #durable: number;
  /** The batch on its way, and the sequence number it reaches. */
  #batch: Batch | undefined;
  #batchEnd = 0;
  #batchStart = 0;
  #isScheduled = false;
  #isLingering = false;
  #isSyncing = false;
  #needsSync = false;
  /** From `close` on nothing new may begin; what happened is noted until all is written. */
  #isClosing = false;
  #isClosed = false;
  #failure: GwError | undefined;
  /** A failure that came while a batch was on its way. */
  #lateFailure: unknown;
  #refused = { from: 1, to: 0 };
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;
  #abandoned: Promise<void> = Promise.resolve();
  #sealing: Promise<void> = Promise.resolve();
  #idle: (() => void) | undefined;

  constructor(settings: WriterSettings, segment: Segment, next: number, release: () => Promise<void>) {
    this.#settings = settings;
    this.#segment = segment;
    this.#next = next;
    this.#durable = next - 1;
    this.#release = release;
  }

  get durable(): number {
    return this.#durable;
  }

  get healthy(): boolean {
    if (this.#failure !== undefined || this.#isClosed) return false;
    return (
      this.#batch === undefined ||
      this.#settings.clock.monotonic() - this.#batchStart < this.#settings.stallMs
    );
  }

  append(line: Buffer | string, length: number = line.length): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isClosing) throw journalUnavailable('The journal is closed.');
    if (this.#pending.length + length > this.#settings.pendingBytes) {
      throw journalUnavailable('The disk of the journal does not keep up.');
    }
    return this.#add(line, length);
  }

  note(line: Buffer | string, length: number = line.length): void {
    const room = this.#settings.pendingBytes + this.#settings.reserveBytes;
    if (this.#isClosed || this.#pending.length + length > room) {
      this.#lost++;
      return;
    }
    this.#add(line, length);
  }

  #add(line: Buffer | string, length: number): number {
    this.#pending.add(line, length);
    if (!this.#isLingering) this.#linger();
    return this.#next++;
  }

  whenDurable(sequence: number, done: Done): void {
    const { from, to } = this.#refused;
    if (sequence >= from && sequence <= to) done(journalUnavailable('The journal could not be written.'));
    else if (sequence <= this.#durable) done(undefined);
    else if (this.#failure !== undefined) done(this.#failure);
    else if (sequence >= this.#next) done(new GwError('bug', `The journal has no record ${sequence}.`));
    else {
      this.#waiters.add(sequence, done);
      this.#schedule();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearTimeout(this.#retry);
    await this.#untilIdle();
    if (this.#failure !== undefined) this.#tryAgain();
    do {
      await this.#untilIdle();
      this.#flush();
    } while (this.#batch !== undefined);
    this.#isClosed = true;
    await this.#sealing;
    await this.#abandoned;
    const lost = this.#lost + this.#next - 1 - this.#durable;
    try {
      const segment = this.#segment;
      this.#segment = undefined;
      await segment?.seal();
    } catch (error) {
      throw journalUnavailable('The last records of the journal may be lost: its disk fails.', error);
    } finally {
      this.#waiters.settle(Number.MAX_SAFE_INTEGER, journalUnavailable('The journal is closed.'));
      await this.#release();
    }
    if (lost > 0) throw journalUnavailable(`${lost} records of the journal could not be written.`);
  }

  #untilIdle(): Promise<void> {
    if (this.#batch === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  /** Once per turn of the event loop, so that all of the turn's records go together. */
  #schedule(): void {
    if (this.#isScheduled || this.#batch !== undefined) return;
    this.#isScheduled = true;
    setImmediate(this.#flushSoon);
  }

  #linger(): void {
    this.#isLingering = true;
    setTimeout(() => {
      this.#isLingering = false;
      this.#flush();
    }, this.#settings.lingerMs).unref();
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#batch !== undefined || this.#failure !== undefined || this.#pending.length === 0) return;
    const batch = this.#begin();
    const segment = this.#segment;
    if (segment !== undefined && segment.length < this.#settings.segmentBytes) this.#write(segment, batch);
    else this.#rotate(batch);
  }

  #begin(): Batch {
    this.#batch = this.#pending.take();
    this.#batchEnd = this.#next - 1;
    this.#batchStart = this.#settings.clock.monotonic();
    return this.#batch;
  }

  #write(segment: Segment, batch: Batch): void {
    if (this.#settings.durability === 'disk') {
      segment.write(batch, (error) => this.#written(error));
      return;
    }
    try {
      segment.writeNow(batch);
    } catch (error) {
      this.#written(error);
      return;
    }
    this.#syncLater();
    this.#written(undefined);
  }

  #rotate(batch: Batch): void {
    const { disk, folder, clock, durability } = this.#settings;
    const full = this.#segment;
    const begin = Promise.all([this.#abandoned, this.#sealing]).then(() =>
      Segment.create(disk, folder, this.#durable + 1, clock.now(), durability === 'disk'),
    );
    begin.then(
      (segment) => {
        this.#segment = segment;
        if (full !== undefined) this.#sealing = full.seal().catch((error) => this.#sealFailed(error));
        this.#write(segment, batch);
      },
      (error) => this.#written(error),
    );
  }

  /** With durability `disk` all records of the segment are safe; with `kernel` its last ones may not be. */
  #sealFailed(error: unknown): void {
    if (this.#settings.durability === 'kernel') this.#failedBetween(error);
  }

  #written(error: unknown): void {
    const batch = this.#batch!;
    this.#batch = undefined;
    if (error !== undefined) {
      this.#pending.failed(batch);
      this.#fail(error);
    } else {
      this.#pending.done(batch);
      this.#durable = this.#batchEnd;
      this.#settings.onFlush((this.#settings.clock.monotonic() - this.#batchStart) / 1_000);
      if (this.#failure !== undefined) this.#recovered();
      // The disk goes on with what came meanwhile while we serve those who waited.
      if (this.#lateFailure === undefined && this.#waiters.wanted > this.#durable) this.#flush();
      this.#waiters.settle(this.#durable, undefined);
      if (this.#lateFailure !== undefined) this.#fail(this.#lateFailure);
    }
    if (this.#batch !== undefined) return;
    if (this.#pending.length > 0 && !this.#isLingering) this.#linger();
    this.#idle?.();
  }

  #syncLater(): void {
    this.#needsSync = true;
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    setTimeout(() => this.#sync(), this.#settings.syncIntervalMs).unref();
  }

  #sync(): void {
    const segment = this.#segment;
    this.#needsSync = false;
    if (segment === undefined) {
      this.#isSyncing = false;
      return;
    }
    segment.sync((error) => {
      this.#isSyncing = false;
      // A segment that was sealed meanwhile was synced then.
      if (error !== null && segment === this.#segment) this.#failedBetween(error);
      else if (this.#needsSync) this.#syncLater();
    });
  }

  #failedBetween(error: unknown): void {
    if (this.#batch !== undefined) this.#lateFailure = error;
    else this.#fail(error);
  }

  #fail(cause: unknown): void {
    this.#lateFailure = undefined;
    const isNew = this.#failure === undefined;
    this.#failure = journalUnavailable('The journal cannot be written.', cause);
    if (this.#segment !== undefined) this.#abandoned = this.#segment.abandon();
    this.#segment = undefined;
    if (isNew) {
      this.#refused = { from: this.#durable + 1, to: this.#next - 1 };
      this.#settings.onUnhealthy(this.#failure);
    }
    this.#waiters.settle(Number.MAX_SAFE_INTEGER, this.#failure);
    if (this.#isClosing) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#tryAgain(), this.#settings.retryMs).unref();
  }

  #tryAgain(): void {
    if (this.#batch === undefined) this.#rotate(this.#begin());
  }

  #recovered(): void {
    const cause = (this.#failure?.cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
    const facts = { ...this.#refused, lost: this.#lost, cause };
    this.#failure = undefined;
    this.#lost = 0;
    const line = this.#settings.describeRecovery(this.#settings.clock.now(), facts);
    this.#add(line, line.length);
    this.#settings.onRecovered(facts);
  }
}
