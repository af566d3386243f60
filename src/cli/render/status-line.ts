import { textWidth } from './width.ts';

const CLEAR = '\r\x1b[2K';

/** The last line of a terminal, redrawn when it changes; other lines are written above it. */
export class StatusLine {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  #text = '';

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write;
    this.#columns = columns;
  }

  /** Shows plain text, cut to the width of the terminal; an empty text takes the line away. */
  show(text: string): void {
    if (text === this.#text) return;
    const hadText = this.#text !== '';
    this.#text = cut(text, this.#columns() - 1);
    this.#write((hadText ? CLEAR : '') + this.#text);
  }

  /** Writes whole lines above. */
  above(lines: string): void {
    this.#write(this.#text === '' ? lines : CLEAR + lines + this.#text);
  }
}

/** A line that wraps could not be cleared. */
function cut(text: string, columns: number): string {
  let shown = text;
  while (textWidth(shown) > Math.max(columns, 0)) shown = shown.slice(0, -1);
  return shown;
}
