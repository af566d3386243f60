import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/cli/command.ts';
import { ALL_COMMANDS } from '../../src/cli/commands.ts';
import { inheritedOptions, longFlag, shortFlag } from '../../src/cli/global-options.ts';
import { blocks, page, pages, ROOT } from '../support/markdown.ts';

/** What the pages refer to is there: files, headings, commands and their flags. */
const all = pages().map((path) => [path, page(path)] as const);

describe.each(all)('%s', (path, text) => {
  it('has links that lead somewhere', () => {
    const dead = links(text).filter((link) => !leadsSomewhere(path, link));
    expect(dead).toEqual([]);
  });

  it('names commands and flags that exist', async () => {
    const wrong: string[] = [];
    for (const line of commandLines(text))
      wrong.push(...(await unknownWords(line)).map((word) => `${word} in: ${line}`));
    expect(wrong).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('lists every page', () => {
    const listed = links(page('docs/README.md'));
    const present = pages().filter((path) => /^docs\/[a-z-]+\.md$/.test(path));
    expect(present.filter((path) => !listed.includes(path.slice('docs/'.length)))).toEqual([]);
  });
});

/** Targets of `[text](target)` outside of code that are no URLs. */
function links(text: string): string[] {
  const prose = text.replace(/^ *```.*?^ *```/gms, '').replace(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((link) => !/^[a-z]+:/.test(link));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [file, anchor] = link.split('#') as [string, string?];
  const path = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchors(page(path)).has(anchor);
}

/** The names that headings have as link targets. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Lines of code that run gw, from the word `gw` to where another command begins. */
function commandLines(text: string): string[] {
  return ['', 'sh', 'text', 'yaml']
    .flatMap((language) => blocks(text, language))
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => /(?:^|[\s(])gw ((?:[a-z_]+|--).*)$/.exec(line.replace(/\s# .*$/, ''))?.[1])
    .filter((words) => words !== undefined)
    .map((words) => words.split(/ -- | \| | > | >> |\)"|\) /)[0]!);
}

async function unknownWords(line: string): Promise<string[]> {
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  const name = words.find((word, at) => /^[a-z]+$/.test(word) && !words[at - 1]?.startsWith('--gateway'));
  if (name === undefined) return [];
  const entry = ALL_COMMANDS.find((one) => one.name === name);
  if (entry === undefined) return [name];
  const spec = await entry.load();
  const known = new Set([spec, ...(spec.subcommands ?? [])].flatMap(flagsOf));
  return words.filter((word) => /^--?[a-z]/.test(word) && !known.has(word.split('=')[0]!));
}

const flagsOf = (spec: CommandSpec): string[] =>
  [...spec.options, ...inheritedOptions(spec)].flatMap((option) => [
    longFlag(option),
    shortFlag(option) ?? '',
  ]);
