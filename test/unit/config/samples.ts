import { parseConfig } from '../../../src/gateway/config/config.ts';
import type { Problem } from '../../../src/gateway/config/problems.ts';
import type { References } from '../../../src/gateway/config/references.ts';
import type { Config } from '../../../src/gateway/config/types.ts';

/** The sections a file cannot be without, as text, so that a test writes only what it is about. */
const SECTIONS: Readonly<Record<string, string>> = {
  listen: 'listen: 0.0.0.0:8443',
  public_url: 'public_url: https://gw.example.com:8443',
  tls: 'tls: { cert: tls.crt, key: tls.key }',
  data: 'data: data',
  identity_providers: `identity_providers:
  - { name: corp, issuer: "https://id.example.com", audience: [gw], kind: human }`,
  targets: `targets:
  prod-db: { host: db.internal, database: shop, login: { user: gw }, connect: { groups: [engineers] } }`,
};

/** `text` first, so that its lines keep their numbers, then the sections it does not have. */
export function completed(text: string): string {
  const missing = Object.entries(SECTIONS).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(text));
  return [text, ...missing.map(([, section]) => section)].join('\n');
}

export function problemsOf(text: string, references?: References): readonly Problem[] {
  return parseConfig(completed(text), '/etc/gw/gw.yaml', references).problems ?? [];
}

/** `line:column path message`, which is what most tests look at. */
export function linesOf(text: string, references?: References): string[] {
  return problemsOf(text, references).map(
    ({ line, column, path, message }) => `${line}:${column} ${path} ${message}`,
  );
}

export function configOf(text: string, references?: References): Config {
  const { config, problems } = parseConfig(completed(text), '/etc/gw/gw.yaml', references);
  if (config === undefined)
    throw new Error(problems.map((p) => `${p.line}: ${p.path} ${p.message}`).join('\n'));
  return config;
}

/** A target with some lines of its own; the first of them is line 6. */
export function target(lines: string): string {
  return `targets:
  db:
    host: db.internal
    database: shop
    connect: { groups: [engineers] }
${lines.includes('login:') ? '' : '    login: { user: gw }\n'}${lines}`;
}

/** A provider with some lines of its own. */
export function provider(lines: string): string {
  const has = (key: string) => new RegExp(`^ *${key}:`, 'm').test(lines);
  return [
    'identity_providers:',
    '  - name: corp',
    ...(has('issuer') ? [] : ['    issuer: https://id.example.com']),
    ...(has('audience') ? [] : ['    audience: [gw]']),
    ...(has('kind') ? [] : ['    kind: human']),
    lines,
  ].join('\n');
}
