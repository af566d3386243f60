import { type Clock, systemClock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Disk, realDisk } from './disk.ts';
import { prepareFolder, recoverFolder } from './folder.ts';
import type { Journal } from './journal.ts';
import { lockFolder } from './lock.ts';
import { journalRecovered, type RecoveryFacts } from './records.ts';
import { Segment } from './segment.ts';
import { JournalWriter, type WriterSettings } from './writer.ts';

export interface JournalOptions {
  /** Made when it is not there; 0700. One gateway per folder. */
  readonly folder: string;
  /** `disk`: acknowledged when on the disk. `kernel`: when the kernel has it; on the disk within 50 ms. */
  readonly durability: 'disk' | 'kernel';
  readonly segmentBytes?: number;
  readonly clock?: Clock;
  /** The disk failed: statements are refused until `onRecovered`. */
  readonly onUnhealthy?: (error: GwError) => void;
  readonly onRecovered?: (facts: RecoveryFacts) => void;
  /** Seconds a flush took. */
  readonly onFlush?: (seconds: number) => void;
  /** For tests: a disk that fails, and other limits. */
  readonly disk?: Disk;
  readonly tuning?: Partial<Tuning>;
}

type Tuning = Pick<
  WriterSettings,
  'pendingBytes' | 'reserveBytes' | 'lingerMs' | 'syncIntervalMs' | 'retryMs' | 'stallMs'
>;

const TUNING: Tuning = {
  pendingBytes: LIMITS.journalPendingBytes,
  reserveBytes: LIMITS.journalReserveBytes,
  lingerMs: LIMITS.journalLingerMs,
  syncIntervalMs: LIMITS.journalSyncIntervalMs,
  retryMs: LIMITS.journalRetryMs,
  stallMs: LIMITS.journalStallMs,
};

const nothing = (): void => undefined;

/**
 * Opens the journal in a folder: takes its lock, cuts off what a crash left torn, and goes on with the next
 * sequence number in a new segment.
 * @throws GwError `configuration` when another gateway has the folder, `journal_unavailable` when it cannot be written.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, durability, clock = systemClock, disk = realDisk } = options;
  let release: (() => Promise<void>) | undefined;
  try {
    await prepareFolder(folder);
    release = await lockFolder(folder);
    const next = await recoverFolder(folder);
    const segment = await Segment.create(disk, folder, next, clock.now(), durability === 'disk');
    return new JournalWriter(settingsOf(options, clock, disk), segment, next, release);
  } catch (error) {
    await release?.();
    throw error instanceof GwError ? error : cannotOpen(folder, error);
  }
}

function settingsOf(options: JournalOptions, clock: Clock, disk: Disk): WriterSettings {
  return {
    ...TUNING,
    ...options.tuning,
    folder: options.folder,
    durability: options.durability,
    segmentBytes: options.segmentBytes ?? LIMITS.journalSegmentBytes,
    clock,
    disk,
    describeRecovery: journalRecovered,
    onUnhealthy: options.onUnhealthy ?? nothing,
    onRecovered: options.onRecovered ?? nothing,
    onFlush: options.onFlush ?? nothing,
  };
}

function cannotOpen(folder: string, cause: unknown): GwError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'an unknown error';
  return new GwError('journal_unavailable', `The journal folder ${folder} cannot be used: ${code}.`, {
    hint: 'The gateway must own the folder, be able to write to it, and the disk must have room.',
    cause,
  });
}
