import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  configJsonSchema,
  renderJsonSchema,
  type SchemaNode,
} from '../../../src/gateway/config/json-schema.ts';
import { REFUSALS } from '../../../src/gateway/identity/refusal.ts';
import { problemsOf } from './samples.ts';

const DOCS = resolve(import.meta.dirname, '../../../docs');
const read = (name: string) => readFileSync(resolve(DOCS, name), 'utf8');
const examples = (name: string) => [...read(name).matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]!);

describe('docs/gw.schema.json', () => {
  it('is what the schema says (vitest -u writes it anew)', async () => {
    await expect(renderJsonSchema()).toMatchFileSnapshot(resolve(DOCS, 'gw.schema.json'));
  });
});

describe.each(['configuration.md', 'identity-providers.md'])('docs/%s', (name) => {
  it.each(examples(name).map((text) => [text.split('\n').slice(0, 3).join(' '), text]))('%s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('the documentation', () => {
  it('names every setting', () => {
    const text = read('configuration.md');
    const missing = [...settings(configJsonSchema())].filter((name) => !text.includes(name));
    expect(missing).toEqual([]);
  });

  it('explains every reason for which a token is refused, and no other', () => {
    const listed = [...read('identity-providers.md').matchAll(/^\| `([a-z_]+)` *\|/gm)].map(
      (match) => match[1],
    );
    expect(listed).toEqual(Object.keys(REFUSALS));
  });
});

function* settings(node: SchemaNode): Generator<string> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    yield name;
    yield* settings(child);
  }
  const { items, additionalProperties: extra, anyOf = [] } = node;
  for (const child of [items, extra, ...anyOf]) if (typeof child === 'object') yield* settings(child);
}
