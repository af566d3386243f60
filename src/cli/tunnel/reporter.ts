/**
 * Tells a person what happens to a running tunnel, each thing once, and holds what a listing of tunnels shows.
 */
import type { GwError } from '../../core/errors.ts';
import type { TunnelEvents } from './tunnel.ts';

/** Where it is told: stderr in the foreground, the log in the background. */
export interface Sayings {
  note(text: string): void;
  warn(text: string): void;
}

export type TunnelState = 'connected' | 'reconnecting';

export class Reporter implements TunnelEvents {
  state: TunnelState = 'connected';
  connections = 0;
  /** Called when `connections` changed. */
  onCount: () => void = () => {};
  /** Resolves when the absolute end of the session grant has come. */
  readonly whenEnded: Promise<void>;
  readonly #say: Sayings;
  #tellEnded!: () => void;
  #metStranger = false;

  constructor(say: Sayings) {
    this.#say = say;
    this.whenEnded = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  down(error: GwError): void {
    this.state = 'reconnecting';
    this.#say.warn(`${oneLine(error)} New connections wait while gw tries again.`);
  }

  up(): void {
    this.state = 'connected';
    this.#say.note('Connected to the gateway again.');
  }

  problem(error: GwError): void {
    this.#say.warn(
      `The session grant could not be renewed: ${oneLine(error)}${error.hint ? ` To go on: ${error.hint}` : ''}`,
    );
  }

  recovered(): void {
    this.#say.note('The session grant was renewed.');
  }

  ended(): void {
    this.#tellEnded();
  }

  count(open: number): void {
    this.connections = open;
    this.onCount();
  }

  stranger(): void {
    if (this.#metStranger) return;
    this.#metStranger = true;
    this.#say.warn('A connection of another user of this machine was refused.');
  }
}

const oneLine = (error: GwError): string => [error.message, error.detail].filter(Boolean).join(' ');
