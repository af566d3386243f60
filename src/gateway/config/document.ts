import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Finding, Path, Problem } from './problems.ts';
import { pathText } from './problems.ts';

/**
 * YAML text → plain value, with the way back from a path to its line and column. YAML 1.2 core rules
 * whatever the file declares, one document, keys are strings, no tags. Aliases may repeat a part, but a
 * file that grows by them, or contains itself, is refused before anything walks it.
 */

/** A configuration of 1,000 targets is about 500 KB; ten times the usual is still quick to parse. */
export const MAX_FILE_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;

export interface ParsedDocument {
  readonly value: unknown;
  /** Set when the structure itself cannot be relied on; then `value` is not worth checking. */
  readonly broken: boolean;
  readonly problems: readonly Problem[];
  locate(finding: Finding): Problem;
}

/** Parses `text`; never throws. */
export function parseYaml(text: string): ParsedDocument {
  const lines = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const fail = (message: string, hint?: string, offset = 0): ParsedDocument => {
    const problem = { ...place(offset), path: '', message, hint };
    return { value: undefined, broken: true, problems: [problem], locate: () => problem };
  };
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    return fail(`the file is larger than ${MAX_FILE_BYTES / 1024} KiB`);
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    schema: 'core',
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const problems = [...document.errors, ...document.warnings].map(
    (error): Problem => ({
      ...place(error.pos[0]),
      path: '',
      message: describe(error.code, error.message),
      hint: hintFor(error.code),
    }),
  );
  const locate = ({ path, atKey, message, hint }: Finding): Problem => ({
    ...place(offsetOf(document.contents, path, atKey === true)),
    path: pathText(path),
    message,
    hint,
  });
  const broken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  if (broken) return { value: undefined, broken, problems, locate };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return fail('an alias has no anchor before it, or aliases repeat too much', 'Write the parts out.');
  }
  // Such a key is skipped by code that copies objects; a condition written under it would not hold.
  let reserved: number | undefined;
  visit(document, {
    Pair: (_, pair) => {
      if (isScalar(pair.key) && pair.key.value === '__proto__') reserved ??= startOf(pair.key);
    },
  });
  if (reserved !== undefined) return fail('"__proto__" cannot be used as a key', undefined, reserved);
  if (containsItself(value, new Set())) return fail('a part of the file contains itself through an alias');
  if (value === null) return fail('the file is empty');
  return { value, broken, problems, locate };

  function offsetOf(root: Node | null, path: Path, atKey: boolean): number {
    let node: unknown = root;
    let offset = startOf(root);
    for (const [index, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        // The last of two equal keys is the one whose value counts.
        const pair = node.items.findLast(
          (item) => isPair(item) && isScalar(item.key) && item.key.value === part,
        );
        if (pair === undefined) return offset;
        const keyOffset = startOf(pair.key);
        node = pair.value;
        // An empty value has no place of its own worth showing.
        const useKey = (atKey && index === path.length - 1) || node === null || isEmpty(node);
        offset = useKey || isMap(node) || isSeq(node) ? keyOffset : startOf(node);
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        offset = startOf(node) || offset;
      } else return offset;
    }
    return offset;
  }
}

function startOf(node: unknown): number {
  if (typeof node !== 'object' || node === null || !('range' in node)) return 0;
  return (node.range as [number, number, number] | undefined)?.[0] ?? 0;
}

const isEmpty = (node: unknown): boolean => isScalar(node) && node.value === null && node.source === '';

function containsItself(value: unknown, ancestors: Set<unknown>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (ancestors.has(value)) return true;
  ancestors.add(value);
  const found = Object.values(value).some((child) => containsItself(child, ancestors));
  ancestors.delete(value);
  return found;
}

function describe(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands here twice';
    case 'MULTIPLE_DOCS':
      return 'the file holds more than one YAML document';
    case 'TAG_RESOLVE_FAILED':
      return 'YAML tags (!name) are not used here';
    case 'RESOURCE_EXHAUSTION':
      return 'the file is nested too deeply';
    default:
      return `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
  }
}

function hintFor(code: string): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.';
  if (code === 'DUPLICATE_KEY') return 'Keep one of the two; the other would be ignored.';
  return undefined;
}
