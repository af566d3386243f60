import { toJson } from './json.ts';
import type { Output } from './output.ts';
import { sanitise, sanitiseStyled } from './sanitise.ts';
import { oraSpinner, plainSpinner } from './spinner.ts';
import { StatusLine } from './status-line.ts';
import { safeWriter, type TextStream } from './streams.ts';
import { colourLevel, makeStyle } from './style.ts';
import { tableLines } from './table.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

const DEFAULT_COLUMNS = 80;

/** Output on two streams, as `Output` describes it. */
export function createOutput({ json, quiet, env, stdout, stderr }: OutputOptions): Output {
  const data = safeWriter(stdout);
  const words = safeWriter(stderr);
  const dataStyle = makeStyle(colourLevel(stdout, env));
  const style = makeStyle(colourLevel(stderr, env));
  const stdoutIsTty = stdout.isTTY === true;
  const stderrIsTty = stderr.isTTY === true;
  // A terminal that does not say how wide it is (0 columns) cannot be drawn on.
  const canDraw = stderrIsTty && stderr.columns !== 0 && env.TERM !== 'dumb' && !json && !quiet;
  const statusLine = new StatusLine(words.write, () => stderr.columns ?? DEFAULT_COLUMNS);
  const say = (text: string): void => statusLine.above(`${text}\n`);
  const line = (text: string): void => data.write(`${sanitiseStyled(text)}\n`);
  const note = (text: string): void => {
    if (!quiet) say(sanitiseStyled(text));
  };
  return {
    json,
    quiet,
    stdoutIsTty,
    stderrIsTty,
    columns: stdout.columns ?? stderr.columns ?? DEFAULT_COLUMNS,
    dataStyle,
    style,
    line,
    value: (value) => data.write(`${toJson(value, stdoutIsTty)}\n`),
    table(columns, rows) {
      for (const text of tableLines(columns, rows, dataStyle)) line(text);
    },
    raw: (chunk) => data.writeAndWait(chunk),
    note,
    notice: (text) => say(sanitiseStyled(text)),
    warn: (text) => say(`${style.warning('warning:')} ${sanitiseStyled(text)}`),
    status(text) {
      if (canDraw) statusLine.show(sanitise(text));
    },
    spinner(text) {
      if (quiet) return plainSpinner(text, () => {});
      if (!canDraw) return plainSpinner(text, note);
      return oraSpinner(text, {
        stream: stderr as unknown as NodeJS.WritableStream,
        clean: sanitiseStyled,
        print: note,
        tick: style.good('✔'),
        cross: style.bad('✖'),
      });
    },
  };
}
