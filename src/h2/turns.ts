import type { Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';
import type { H2Options } from './types.ts';

/**
 * When things happen. A turn is asked for at most once until it has run; streams whose owner must hear
 * something wait for it in order.
 */
export class Turns {
  readonly #schedule: H2Options['schedule'];
  readonly #table: StreamTable;
  readonly #run: () => void;
  #asked = false;
  readonly #waiting: Stream[] = [];

  constructor(schedule: H2Options['schedule'], table: StreamTable, run: () => void) {
    this.#schedule = schedule;
    this.#table = table;
    this.#run = (): void => {
      this.#asked = false;
      run();
    };
  }

  wake(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#schedule(this.#run, this.#table.streams.size);
  }

  attendLater(stream: Stream): void {
    if (stream.attending) return;
    stream.attending = true;
    this.#waiting.push(stream);
    this.wake();
  }

  /** Lets the waiting streams speak; those that come to wait meanwhile are for the next turn. */
  attend(): void {
    for (let left = this.#waiting.length; left > 0; left--) this.#waiting.shift()!.attend();
  }

  get isQuiet(): boolean {
    return this.#waiting.length === 0;
  }
}
