import type { z } from 'zod';
import { configJsonSchema, type SchemaNode } from './json-schema.ts';
import type { Finding, Path } from './problems.ts';
import { suggest } from './suggest.ts';

/** What the schema found, in words a person can act on. Values are not repeated: one may be a secret. */
export function explain(issues: readonly z.core.$ZodIssue[], root: unknown): Finding[] {
  return issues.flatMap((issue) => explainOne(issue, root));
}

function explainOne(issue: z.core.$ZodIssue, root: unknown): Finding[] {
  const path = issue.path as Path;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key));
    case 'invalid_key': {
      const [message, hint] = split(issue.issues[0]?.message ?? 'is not allowed here');
      return [{ path, atKey: true, message, hint }];
    }
    case 'invalid_type':
      return [wrongType(path, issue.expected, valueAt(root, path))];
    case 'invalid_value': {
      const values = issue.values.map(String);
      const given = valueAt(root, path);
      if (given === undefined) return [missing(path, `Choose one of: ${values.join(', ')}.`)];
      const close = typeof given === 'string' ? suggest(given, values) : undefined;
      const hint = close === undefined ? undefined : `Did you mean "${close}"?`;
      return [{ path, message: `must be one of: ${values.join(', ')}`, hint }];
    }
    case 'too_small':
      return [sized(path, issue.message, `must be at least ${issue.minimum}`)];
    case 'too_big':
      return [sized(path, issue.message, `must be at most ${issue.maximum}`)];
    case 'invalid_union':
      if (valueAt(root, path) === undefined) return [missing(path)];
      return [custom(path, issue.message)];
    default:
      return [custom(path, issue.message)];
  }
}

function custom(path: Path, text: string): Finding {
  const [message, hint] = split(text);
  return { path, message, hint };
}

/** The schema's own text where it has one, else the number. */
function sized(path: Path, text: string, plain: string): Finding {
  return text.startsWith('Too ') ? { path, message: plain } : custom(path, text);
}

function split(text: string): [string, string | undefined] {
  const [message, hint] = text.split('\n');
  return [message!, hint];
}

function missing(path: Path, hint?: string): Finding {
  const key = path.at(-1);
  return { path: path.slice(0, -1), atKey: true, message: `"${String(key)}" is missing`, hint };
}

function wrongType(path: Path, expected: string, value: unknown): Finding {
  if (value === undefined) return missing(path);
  if (value === null) return { path, message: 'is empty' };
  const wanted = KINDS[expected] ?? expected;
  const found = Array.isArray(value) ? 'a list' : (KINDS[typeof value] ?? typeof value);
  return { path, message: `must be ${wanted}, not ${found}`, hint: typeHint(expected, value) };
}

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a group of settings',
  record: 'a group of settings',
  array: 'a list',
};

function typeHint(expected: string, value: unknown): string | undefined {
  if (expected === 'string' && typeof value !== 'object') return 'Write it in quotes.';
  if (expected === 'array' && typeof value === 'string') return 'Write it as a list: [value].';
  if ((expected === 'number' || expected === 'int') && typeof value === 'string') {
    return 'Write it without quotes.';
  }
  return undefined;
}

function unknownKey(path: Path, key: string): Finding {
  const nodes = schemasAt(path);
  const known = [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
  const found = { path: [...path, key], atKey: true };
  if (known.includes(key)) return { ...found, message: 'cannot stand beside the other settings here' };
  const message = 'is not a setting';
  const close = suggest(key, known);
  if (close !== undefined) return { ...found, message, hint: `Did you mean "${close}"?` };
  const below = known.find((name) => nodes.some((node) => ownSchema(ownSchema(node, name), key)));
  if (below !== undefined) return { ...found, message, hint: `It belongs under "${below}".` };
  return { ...found, message, hint: `Known here: ${known.sort().join(', ')}.` };
}

function schemasAt(path: Path): SchemaNode[] {
  let nodes: SchemaNode[] = [configJsonSchema()];
  for (const part of path) {
    nodes = nodes.flatMap((node) => {
      if (typeof part === 'number') return node.items ?? [];
      const extra = typeof node.additionalProperties === 'object' ? node.additionalProperties : [];
      return ownSchema(node, part) ?? extra;
    });
    nodes = nodes.flatMap((node) => node.anyOf ?? node);
  }
  return nodes;
}

function ownSchema(node: SchemaNode | undefined, key: string): SchemaNode | undefined {
  const properties = node?.properties ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** What stands at a path of a plain value; own properties only. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string | number, unknown>)[part]
        : undefined,
    root,
  );
}
