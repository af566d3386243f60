import { z } from 'zod';
import { FileSchema } from './file-schema.ts';

/** The part of JSON Schema that the file's schema uses. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

/** The configuration file as JSON Schema (draft 2020-12), for editors and for the hints of explain.ts. */
export function configJsonSchema(): SchemaNode {
  return {
    ...z.toJSONSchema(FileSchema, { io: 'input' }),
    title: 'gw.yaml, the configuration of the gw gateway',
  } as SchemaNode;
}

/** The text of docs/gw.schema.json: two spaces, lists of words on one line where they fit. */
export function renderJsonSchema(): string {
  const text = JSON.stringify(configJsonSchema(), null, 2);
  return `${text.replace(/^.*\[\n(?:\s+"[^"]*",?\n)+\s+\]/gm, shorten)}\n`;
}

function shorten(lines: string): string {
  const [first, ...rest] = lines.split('\n').map((line, index) => (index === 0 ? line : line.trim()));
  const line = `${first}${rest.slice(0, -1).join(' ')}${rest.at(-1)}`;
  return line.length < 110 ? line : lines;
}
