import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The pages of this repository, and what stands fenced in them. */
export const ROOT = join(import.meta.dirname, '../..');

/** Paths of all pages, from the root of the repository. */
export function pages(): string[] {
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const atRoot = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...atRoot, ...inDocs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
}

export const page = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The text of each fenced block of a language; `''` for blocks that name none. */
export function blocks(text: string, language: string): string[] {
  const fenced = text.matchAll(/^ *```(\w*)\n(.*?)^ *```$/gms);
  return [...fenced].filter((match) => match[1] === language).map((match) => match[2]!);
}

/** The commands of all `sh` blocks: without comments and prompts, continued lines joined. */
export function commands(text: string): string[] {
  return blocks(text, 'sh')
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/(^|\s+)# .*$/, '').trim())
    .filter((line) => line !== '');
}
