import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { GwError } from '../../core/errors.ts';
import { DEFAULTS } from './defaults.ts';
import { MAX_FILE_BYTES, parseYaml } from './document.ts';
import { explain, valueAt } from './explain.ts';
import { type FileConfig, FileSchema } from './file-schema.ts';
import { type Loose, prune } from './loose.ts';
import { type Finding, formatProblems, type Problem, sortProblems } from './problems.ts';
import { checkReferences, type References, systemReferences } from './references.ts';
import { resolveConfig } from './resolve.ts';
import { checkRules } from './rules.ts';
import type { Config } from './types.ts';

/**
 * Reads the configuration file. Four passes — YAML, schema, rules between settings, things referred to —
 * all run in every case, so that one run reports everything that is wrong.
 */

export type ConfigResult =
  | { readonly config: Config; readonly problems?: never }
  | { readonly config?: never; readonly problems: readonly Problem[] };

/**
 * @param path the file's path; relative paths in it are resolved against its folder
 * @param references where environment variables and files are looked up; without it they are not
 */
export function parseConfig(text: string, path: string, references?: References): ConfigResult {
  const absolute = resolve(path);
  const document = parseYaml(text);
  if (document.broken) return { problems: sortProblems(document.problems) };
  const parsed = FileSchema.safeParse(document.value);
  const issues = parsed.error?.issues ?? [];
  const file = prune(document.value, issues) as Loose<FileConfig>;
  const findings: Finding[] = [
    ...explain(issues, document.value),
    ...checkRules({ file, given: (at) => valueAt(document.value, at) !== undefined }),
    ...(references === undefined ? [] : checkReferences(file, references, dirname(absolute))),
  ];
  const problems = [...document.problems, ...findings.map((finding) => document.locate(finding))];
  if (problems.length > 0 || !parsed.success) return { problems: sortProblems(problems) };
  return { config: withDatabaseFromEnv(resolveConfig(parsed.data, absolute), references) };
}

/** `GW_DATABASE_URL` alone is enough to use a control database of one's own. */
function withDatabaseFromEnv(config: Config, references: References | undefined): Config {
  const name = DEFAULTS.databaseUrlEnv;
  if (config.controlDatabase !== undefined || !references?.env(name)) return config;
  return { ...config, controlDatabase: { url: { kind: 'env', name } } };
}

/** Reads and checks a file and what it refers to. Throws `configuration` when the file cannot be read. */
export async function readConfig(path: string, references = systemReferences): Promise<ConfigResult> {
  return parseConfig(await readText(path), path, references);
}

/** As {@link readConfig}, and throws `configuration` with all problems in its detail. */
export async function loadConfig(path: string, references = systemReferences): Promise<Config> {
  const { config, problems } = await readConfig(path, references);
  if (config !== undefined) return config;
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new GwError('configuration', `The configuration ${path} has ${count}.`, {
    detail: formatProblems(problems, path),
    hint: `Mend it and check again with: gw serve --config ${path} --check`,
  });
}

async function readText(path: string): Promise<string> {
  try {
    // Looked at first, so that a device or a huge file is not read to its end.
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_FILE_BYTES) {
      const what = found.isFile() ? `larger than ${MAX_FILE_BYTES / 1024} KiB` : 'not a file';
      throw new GwError('configuration', `The configuration ${path} is ${what}.`);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof GwError) throw error;
    const { code = 'not UTF-8' } = error as NodeJS.ErrnoException;
    throw new GwError('configuration', `The configuration ${path} cannot be read (${code}).`, {
      hint: 'Give its path with --config.',
      cause: error,
    });
  }
}
