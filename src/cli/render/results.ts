/**
 * Rows of a query as text, in three forms, a piece at a time: what is held back is bounded however long the result is.
 */
import { sanitise } from './sanitise.ts';
import { textWidth } from './width.ts';

export interface ResultColumn {
  readonly name: string;
  /** OID of the PostgreSQL type. */
  readonly type: number;
}

export type ResultRow = readonly (string | null)[];

/** Turns results into text. What a method returns is to be written, in order. */
export interface ResultWriter {
  /** A result with rows begins. */
  begin(columns: readonly ResultColumn[]): string;
  row(row: ResultRow): string;
  /** The result is over; also called when it was cut short. */
  end(): string;
  /** Nothing more comes. */
  finish(): string;
}

/** int2, int4, int8, float4, float8, oid, numeric: aligned to the right, and numbers in JSON. */
const NUMBERS = new Set([21, 23, 20, 700, 701, 26, 1700]);
const BOOL = 16;
const JSON_TYPES = new Set([114, 3802]);

/** Rows that are looked at to choose the widths of columns; later rows may stand out. */
const MEASURED_ROWS = 200;
const MEASURED_CHARS = 256 * 1024;

/** Columns of equal width, as psql prints them. Control characters are shown, not sent. */
export class TableWriter implements ResultWriter {
  readonly #nullText: string;
  #columns: readonly ResultColumn[] = [];
  #held: string[][] = [];
  #heldChars = 0;
  #widths: number[] | undefined;

  /** @param nullText what stands for NULL */
  constructor(nullText = 'NULL') {
    this.#nullText = nullText;
  }

  begin(columns: readonly ResultColumn[]): string {
    this.#columns = columns;
    this.#held = [];
    this.#heldChars = 0;
    this.#widths = undefined;
    return '';
  }

  row(row: ResultRow): string {
    const cells = row.map((value) => (value === null ? this.#nullText : visible(value)));
    if (this.#widths !== undefined) return this.#line(cells);
    this.#held.push(cells);
    for (const cell of cells) this.#heldChars += cell.length;
    const isEnough = this.#held.length >= MEASURED_ROWS || this.#heldChars >= MEASURED_CHARS;
    return isEnough ? this.#release() : '';
  }

  end(): string {
    return this.#widths === undefined ? this.#release() : '';
  }

  finish(): string {
    return '';
  }

  #release(): string {
    const names = this.#columns.map(({ name }) => visible(name));
    const widths = names.map(textWidth);
    for (const cells of this.#held) {
      cells.forEach((cell, index) => {
        widths[index] = Math.max(widths[index]!, textWidth(cell));
      });
    }
    this.#widths = widths;
    const rule = widths.map((width) => '-'.repeat(width + 2)).join('+');
    const rows = this.#held.map((cells) => this.#line(cells)).join('');
    const text = `${this.#line(names)}${rule}\n${rows}`;
    this.#held = [];
    return text;
  }

  #line(cells: readonly string[]): string {
    const padded = cells.map((cell, index) => {
      const space = ' '.repeat(Math.max(0, this.#widths![index]! - textWidth(cell)));
      return NUMBERS.has(this.#columns[index]!.type) ? ` ${space}${cell} ` : ` ${cell}${space} `;
    });
    return `${padded.join('|').trimEnd()}\n`;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Line breaks and tabs as escapes, other control characters gone: one row stays one line. */
function visible(text: string): string {
  return sanitise(text.replace(/[\n\r\t]/g, (char) => ESCAPES[char]!));
}

/** One array of objects for each result with rows; numbers, booleans and JSON keep their type. */
export class JsonWriter implements ResultWriter {
  #keys: string[] = [];
  #types: number[] = [];
  #rows = 0;
  #results = 0;

  begin(columns: readonly ResultColumn[]): string {
    this.#keys = uniqueNames(columns).map((name) => JSON.stringify(name));
    this.#types = columns.map(({ type }) => type);
    this.#rows = 0;
    this.#results++;
    return '[';
  }

  row(row: ResultRow): string {
    const fields = row.map((value, index) => `${this.#keys[index]}:${jsonValue(value, this.#types[index]!)}`);
    return `${this.#rows++ === 0 ? '\n' : ',\n'}{${fields.join(',')}}`;
  }

  end(): string {
    return this.#rows === 0 ? ']\n' : '\n]\n';
  }

  finish(): string {
    return this.#results === 0 ? '[]\n' : '';
  }
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function jsonValue(value: string | null, type: number): string {
  if (value === null) return 'null';
  // NaN and Infinity are numbers to PostgreSQL but not to JSON.
  if (NUMBERS.has(type) && JSON_NUMBER.test(value)) return value;
  if (type === BOOL && (value === 't' || value === 'f')) return value === 't' ? 'true' : 'false';
  if (JSON_TYPES.has(type)) return compactJson(value);
  return JSON.stringify(value);
}

/** As it came when it is JSON on one line; a mask may have made something else of it. */
function compactJson(value: string): string {
  try {
    const parsed: unknown = JSON.parse(value);
    return value.includes('\n') ? JSON.stringify(parsed) : value;
  } catch {
    return JSON.stringify(value);
  }
}

/** A JSON object cannot have two members of one name: `id`, `id_2`. */
function uniqueNames(columns: readonly ResultColumn[]): string[] {
  const taken = new Set<string>();
  return columns.map(({ name }) => {
    let unique = name;
    for (let count = 2; taken.has(unique); count++) unique = `${name}_${count}`;
    taken.add(unique);
    return unique;
  });
}

/** RFC 4180 with line feeds, and a heading; NULL is empty, an empty text is `""`, as COPY writes them. */
export class CsvWriter implements ResultWriter {
  #results = 0;

  begin(columns: readonly ResultColumn[]): string {
    const gap = this.#results++ === 0 ? '' : '\n';
    return `${gap}${columns.map(({ name }) => csvField(name)).join(',')}\n`;
  }

  row(row: ResultRow): string {
    return `${row.map((value) => (value === null ? '' : csvField(value))).join(',')}\n`;
  }

  end(): string {
    return '';
  }

  finish(): string {
    return '';
  }
}

function csvField(value: string): string {
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
