import type { GwError } from '../../core/errors.ts';
import type { Ticket } from '../gate/types.ts';

/**
 * What the client has sent and the server has not answered yet, in order: a ring of operations in parallel
 * arrays, so that a statement costs no allocation here. The upstream loop takes from its head as answers
 * arrive; state changes when the server says so, never when the client asks.
 */

export const OP = {
  query: 1,
  parse: 2,
  bind: 3,
  describe: 4,
  execute: 5,
  close: 6,
  sync: 7,
  /** CopyDone or CopyFail: has no answer of its own, but ends the range in which a COPY swallows Sync. */
  copyEnd: 8,
} as const;

/** What an operation does to a name of the session, with how to take it back when it is skipped. */
export interface NameChange {
  readonly kind: 'statement' | 'portal';
  readonly name: string;
  /** What the name stands for from then on. */
  readonly now: unknown;
  previous: unknown;
}

export class Operations {
  #size = 16;
  #type = new Uint8Array(16);
  #ticket: (Ticket | undefined)[] = new Array(16).fill(undefined);
  #refusal: (GwError | undefined)[] = new Array(16).fill(undefined);
  #change: (NameChange | undefined)[] = new Array(16).fill(undefined);
  #head = 0;
  #count = 0;
  /** How many were ever pushed, and how many of those are done with: tells when a given one is answered. */
  pushed = 0;
  done = 0;

  get count(): number {
    return this.#count;
  }

  push(type: number, ticket?: Ticket, refusal?: GwError, change?: NameChange): void {
    if (this.#count === this.#size) this.#grow();
    this.pushed++;
    const at = (this.#head + this.#count++) & (this.#size - 1);
    this.#type[at] = type;
    this.#ticket[at] = ticket;
    this.#refusal[at] = refusal;
    this.#change[at] = change;
  }

  /** Type of the operation `index` places behind the head; 0 when there is none. */
  typeAt(index: number): number {
    return index < this.#count ? this.#type[(this.#head + index) & (this.#size - 1)]! : 0;
  }

  ticketAt(index: number): Ticket | undefined {
    return this.#ticket[(this.#head + index) & (this.#size - 1)];
  }

  refusalAt(index: number): GwError | undefined {
    return this.#refusal[(this.#head + index) & (this.#size - 1)];
  }

  changeAt(index: number): NameChange | undefined {
    return this.#change[(this.#head + index) & (this.#size - 1)];
  }

  /** Marks an operation that waits: its answer will be this error. Its ticket is dropped. */
  refuseAt(index: number, refusal: GwError): void {
    const at = (this.#head + index) & (this.#size - 1);
    this.#refusal[at] = refusal;
    this.#ticket[at] = undefined;
  }

  /** Drops the head. */
  shift(): void {
    const at = this.#head;
    this.#ticket[at] = undefined;
    this.#refusal[at] = undefined;
    this.#change[at] = undefined;
    this.#head = (at + 1) & (this.#size - 1);
    this.#count--;
    this.done++;
  }

  /** Drops the operation `index` places behind the head, closing the gap. */
  removeAt(index: number): void {
    const mask = this.#size - 1;
    for (let i = index; i < this.#count - 1; i++) {
      const to = (this.#head + i) & mask;
      const from = (this.#head + i + 1) & mask;
      this.#type[to] = this.#type[from]!;
      this.#ticket[to] = this.#ticket[from];
      this.#refusal[to] = this.#refusal[from];
      this.#change[to] = this.#change[from];
    }
    const last = (this.#head + this.#count - 1) & mask;
    this.#ticket[last] = undefined;
    this.#refusal[last] = undefined;
    this.#change[last] = undefined;
    this.#count--;
    this.done++;
  }

  #grow(): void {
    const size = this.#size * 2;
    const type = new Uint8Array(size);
    const ticket = new Array(size).fill(undefined);
    const refusal = new Array(size).fill(undefined);
    const change = new Array(size).fill(undefined);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#head + i) & (this.#size - 1);
      type[i] = this.#type[at]!;
      ticket[i] = this.#ticket[at];
      refusal[i] = this.#refusal[at];
      change[i] = this.#change[at];
    }
    this.#type = type;
    this.#ticket = ticket;
    this.#refusal = refusal;
    this.#change = change;
    this.#head = 0;
    this.#size = size;
  }
}
