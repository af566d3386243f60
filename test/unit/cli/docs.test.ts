import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../../src/cli/command.ts';
import { ALL_COMMANDS } from '../../../src/cli/commands.ts';
import { inheritedOptions } from '../../../src/cli/global-options.ts';
import { ERRORS } from '../../../src/core/errors.ts';

const page = (name: string): string => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8');

describe('docs/cli.md', () => {
  const text = page('cli.md');

  it('has every command', () => {
    for (const { name } of ALL_COMMANDS.filter(({ hidden }) => !hidden))
      expect(text).toContain(`\`gw ${name}`);
  });

  it('has every exit code', () => {
    for (const code of new Set(Object.values(ERRORS).map(({ exit }) => exit))) {
      expect(text).toMatch(new RegExp(`^\\| [^|]*\\b${code}\\b[^|]* \\|`, 'm'));
    }
  });

  it('has every variable that stands for a flag', async () => {
    const each = (spec: CommandSpec): CommandSpec[] => [spec, ...(spec.subcommands ?? []).flatMap(each)];
    const specs = (await Promise.all(ALL_COMMANDS.map((entry) => entry.load()))).flatMap(each);
    const twins = specs
      .flatMap((spec) => [...spec.options, ...inheritedOptions(spec)])
      .flatMap(({ env }) => env ?? []);
    for (const twin of new Set(twins)) expect(text).toContain(`\`${twin}\``);
  });
});

describe('docs/ci.md', () => {
  it('has the sources in the order in which they are tried', () => {
    const order = ['GW_TOKEN', 'GW_TOKEN_FILE', 'GW_CLIENT_ID', 'GitHub Actions', 'GitLab', 'Kubernetes'];
    const table = page('ci.md').slice(page('ci.md').indexOf('| order |'));
    const places = order.map((name) => table.indexOf(name));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.every((place) => place > 0)).toBe(true);
  });
});
