import type { Spinner } from './output.ts';

/** What a spinner needs from ora, once it is loaded. */
interface Ora {
  text: string;
  start(): unknown;
  succeed(text?: string): unknown;
  fail(text?: string): unknown;
  stop(): unknown;
}

export interface SpinnerTerminal {
  readonly stream: NodeJS.WritableStream;
  /** Takes control characters out. */
  clean(text: string): string;
  /** Writes one line at once. */
  print(text: string): void;
  readonly tick: string;
  readonly cross: string;
}

/**
 * A spinner on a terminal. ora takes tens of milliseconds to load, so it is loaded in the background; what
 * ends before it is there never spins. stdin is left alone: Ctrl-C stays a signal.
 */
export function oraSpinner(first: string, terminal: SpinnerTerminal): Spinner {
  let text = terminal.clean(first);
  let ora: Ora | undefined;
  let ended = false;
  void import('ora').then(({ default: create }) => {
    if (ended) return;
    ora = create({ text, stream: terminal.stream, isEnabled: true, discardStdin: false });
    ora.start();
  });
  const finish = (how: 'succeed' | 'fail' | 'stop', last?: string): void => {
    if (ended) return;
    ended = true;
    const final = last === undefined ? text : terminal.clean(last);
    if (ora) ora[how](final);
    else if (how !== 'stop') terminal.print(`${how === 'succeed' ? terminal.tick : terminal.cross} ${final}`);
  };
  return {
    text(next) {
      text = terminal.clean(next);
      if (ora && !ended) ora.text = text;
    },
    done: (last) => finish('succeed', last),
    fail: (last) => finish('fail', last),
    stop: () => finish('stop'),
  };
}

/** Where there is no terminal: the text once, and how it ended. */
export function plainSpinner(first: string, note: (text: string) => void): Spinner {
  note(first);
  return {
    text() {},
    done(text) {
      if (text !== undefined) note(text);
    },
    fail(text) {
      if (text !== undefined) note(text);
    },
    stop() {},
  };
}
