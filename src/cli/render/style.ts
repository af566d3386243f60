import { Chalk, type ColorSupportLevel } from 'chalk';

/** What text can look like. Names say what it means, not which colour it is. */
export interface Style {
  strong(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  /** Something to paste or to open. */
  accent(text: string): string;
}

/** The part of tty.WriteStream that tells whether colour can be shown. */
export interface ColourStream {
  readonly isTTY?: boolean;
  getColorDepth?(env?: NodeJS.ProcessEnv): number;
}

/**
 * FORCE_COLOR (0 to 3, or anything for 1) decides; then NO_COLOR (https://no-color.org) and TERM=dumb turn
 * colour off; then it depends on the terminal.
 */
export function colourLevel(stream: ColourStream, env: NodeJS.ProcessEnv): ColorSupportLevel {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) {
    if (forced === 'false') return 0;
    return /^[0-3]$/.test(forced) ? (Number(forced) as ColorSupportLevel) : 1;
  }
  if (env.NO_COLOR || env.TERM === 'dumb' || !stream.isTTY) return 0;
  const depth = stream.getColorDepth?.(env) ?? 4;
  return depth >= 24 ? 3 : depth >= 8 ? 2 : depth >= 4 ? 1 : 0;
}

export function makeStyle(level: ColorSupportLevel): Style {
  const chalk = new Chalk({ level });
  return {
    strong: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    good: (text) => chalk.green(text),
    warning: (text) => chalk.yellow(text),
    bad: (text) => chalk.red(text),
    accent: (text) => chalk.cyan(text),
  };
}

export const PLAIN: Style = {
  strong: (text) => text,
  dim: (text) => text,
  good: (text) => text,
  warning: (text) => text,
  bad: (text) => text,
  accent: (text) => text,
};
