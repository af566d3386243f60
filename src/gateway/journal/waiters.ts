import type { GwError } from '../../core/errors.ts';

export type Done = (error: GwError | undefined) => void;

/**
 * Who waits for which record to be durable. Arrays that are used again, no Promise and no closure per
 * statement. A callback may wait again; one that throws does not keep the others from being called.
 */
export class Waiters {
  #sequences: number[] = [];
  #callbacks: Done[] = [];
  #spareSequences: number[] = [];
  #spareCallbacks: Done[] = [];
  /** The highest sequence number anyone waits for; 0 when nobody waits. */
  wanted = 0;

  add(sequence: number, done: Done): void {
    this.#sequences.push(sequence);
    this.#callbacks.push(done);
    if (sequence > this.wanted) this.wanted = sequence;
  }

  /** Calls back everyone who waits for a record up to `sequence`, in the order in which they came. */
  settle(sequence: number, error: GwError | undefined): void {
    if (this.#sequences.length === 0) return;
    const sequences = this.#sequences;
    const callbacks = this.#callbacks;
    this.#sequences = this.#spareSequences;
    this.#callbacks = this.#spareCallbacks;
    this.wanted = 0;
    // Those who wait for longer are put back before anyone is called, as a call may come in again.
    for (let i = 0; i < sequences.length; i++) {
      if (sequences[i]! > sequence) this.add(sequences[i]!, callbacks[i]!);
    }
    this.#spareSequences = [];
    this.#spareCallbacks = [];
    for (let i = 0; i < sequences.length; i++) {
      if (sequences[i]! <= sequence) call(callbacks[i]!, error);
    }
    sequences.length = 0;
    callbacks.length = 0;
    this.#spareSequences = sequences;
    this.#spareCallbacks = callbacks;
  }
}

function call(done: Done, error: GwError | undefined): void {
  try {
    done(error);
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown;
    });
  }
}
