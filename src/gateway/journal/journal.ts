import { GwError } from '../../core/errors.ts';

/** Waiting for a record to be durable, and adding one. What the rest of the gateway knows of the journal. */
export interface Journal {
  /**
   * Adds a record of something that is about to happen. Lines are JSON (see records.ts), without newline.
   * @param length bytes of `line` that count; all of it by default. The bytes are copied.
   * @returns its sequence number.
   * @throws GwError `journal_unavailable` when the disk fails or does not keep up: then it must not happen.
   */
  append(line: Buffer | string, length?: number): number;
  /**
   * Adds a record of something that has happened (an outcome, an end), which nobody waits for. Never throws:
   * while the disk fails the record is kept in memory, within a limit, and written once it can be.
   */
  note(line: Buffer | string, length?: number): void;
  /** Every record up to this sequence number is durable. */
  readonly durable: number;
  /**
   * Calls `done` when the record is durable, at once if it is already; with `journal_unavailable` when it cannot
   * be made so. Then what it announces must not happen, even if the record is written later.
   */
  whenDurable(sequence: number, done: (error: GwError | undefined) => void): void;
  /** false while the disk fails or does not answer. */
  readonly healthy: boolean;
  /** Writes what is left and closes. Rejects with `journal_unavailable` when records were lost. */
  close(): Promise<void>;
}

export function journalUnavailable(message: string, cause?: unknown): GwError {
  return new GwError('journal_unavailable', message, {
    detail: 'Nothing runs that cannot be recorded first.',
    hint: 'Ask the owner of the gateway to look at its log and at the disk of its data folder.',
    cause,
  });
}
