import type { Column } from './output.ts';
import { sanitiseLine } from './sanitise.ts';
import type { Style } from './style.ts';
import { textWidth } from './width.ts';

const GAP = '  ';

/** Lines of a table: headings in capitals, columns two spaces apart, nothing behind the last cell. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string[] {
  const cells = rows.map((row) => columns.map((_, index) => sanitiseLine(row[index] ?? '')));
  const titles = columns.map((column) => column.title.toUpperCase());
  const widths = columns.map((_, index) =>
    Math.max(textWidth(titles[index]!), ...cells.map((row) => textWidth(row[index]!))),
  );
  const line = (row: readonly string[], dress: (text: string, index: number) => string): string =>
    row
      .map((cell, index) => {
        const space = ' '.repeat(widths[index]! - textWidth(cell));
        const last = index === columns.length - 1;
        if (columns[index]!.align === 'right') return space + dress(cell, index);
        return dress(cell, index) + (last ? '' : space);
      })
      .join(GAP)
      .trimEnd();
  const dressCell = (text: string, index: number): string => {
    const name = columns[index]!.style;
    return name && text ? style[name](text) : text;
  };
  return [line(titles, (text) => style.dim(text)), ...cells.map((row) => line(row, dressCell))];
}
