/**
 * Where words go: data on stdout, everything else on stderr. Data is what another program may read; a
 * spinner, a notice or an error is not. Text that a server sent is cleaned before it is printed.
 */
import type { Style } from './style.ts';

/** A column of a table: its heading and, optionally, how its cells are dressed on a terminal. */
export interface Column {
  readonly title: string;
  readonly style?: keyof Style;
  readonly align?: 'left' | 'right';
}

export interface Spinner {
  /** Changes the text. */
  text(text: string): void;
  /** Ends it with a tick and, when given, another text. */
  done(text?: string): void;
  /** Ends it with a cross. */
  fail(text?: string): void;
  /** Takes it away without a trace. */
  stop(): void;
}

export interface Output {
  /** `--json`: the command prints one JSON value on stdout and no table. */
  readonly json: boolean;
  /** `--quiet`: no notes. Warnings and errors stay. */
  readonly quiet: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** Width of the terminal, 80 where there is none. */
  readonly columns: number;
  /** Colours for stdout; every function returns its argument where colour is off. */
  readonly dataStyle: Style;
  /** Colours for stderr. */
  readonly style: Style;
  /** One line of data. */
  line(text: string): void;
  /** A JSON value as data, indented on a terminal. */
  value(value: unknown): void;
  /** A table as data; cells are plain text and are cleaned. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  /**
   * Bytes as data, unchanged: the caller answers for what they do to a terminal. Resolves when stdout can
   * take more; false when its reader has gone away and nothing more needs to be written.
   */
  raw(chunk: string | Uint8Array): Promise<boolean>;
  /** One line for the person, on stderr; silent with `--quiet`. */
  note(text: string): void;
  /** One line that is needed to go on (a URL to open, a code): on stderr, also with `--quiet`. */
  notice(text: string): void;
  /** A warning, on stderr. */
  warn(text: string): void;
  /**
   * Plain text on the last line of the terminal, redrawn when it changes; nothing where there is no terminal. An
   * empty text takes it away.
   */
  status(text: string): void;
  /** A spinner on a terminal; elsewhere the text once, as a note. */
  spinner(text: string): Spinner;
}
