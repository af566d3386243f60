import type { z } from 'zod';
import type { Path } from './problems.ts';

/**
 * The file without what the schema refused. Everything left has the right type and anything may be
 * missing, so the rules between settings can run in the same pass as the schema.
 */
export type Loose<T> = T extends readonly (infer U)[]
  ? readonly (Loose<U> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Loose<T[K]> | undefined }
    : T;

type Container = Record<string | number, unknown>;

/** Copies `root` and drops every value that an issue points at. */
export function prune(root: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(root));
  for (const issue of issues) {
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) drop(copy, [...path, key]);
    else if (path.length === 0) return {};
    else drop(copy, path);
  }
  return isContainer(copy) ? copy : {};
}

function drop(root: unknown, path: Path): void {
  let value = root;
  for (const part of path.slice(0, -1)) {
    if (!isContainer(value) || !Object.hasOwn(value, part)) return;
    value = value[part];
  }
  const last = path.at(-1)!;
  if (Array.isArray(value)) value[Number(last)] = undefined;
  else if (isContainer(value)) delete value[last];
}

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

/** Entries of a record that are still there. */
export function entries<T>(record: Readonly<Record<string, T | undefined>> | undefined): [string, T][] {
  return Object.entries(record ?? {}).filter((entry): entry is [string, T] => entry[1] !== undefined);
}

/** Items of a list that are still there, with their index in the file. */
export function items<T>(list: readonly (T | undefined)[] | undefined): [number, T][] {
  return [...(list ?? []).entries()].filter((entry): entry is [number, T] => entry[1] !== undefined);
}
