import { asGwError, ERRORS } from '../core/errors.ts';
import { loadConfig } from './config/config.ts';
import type { TargetConfig } from './config/types.ts';
import { createAuthenticator } from './identity/authenticator.ts';
import { Upstream } from './upstream/upstream.ts';

export interface CheckLine {
  readonly what: string;
  /** Undefined: it is well. */
  readonly problem: string | undefined;
  readonly hint: string | undefined;
}

/**
 * `gw serve --check`: the file, then everything it points at: providers and targets are asked.
 * @throws GwError `configuration` with every problem of the file
 */
export async function check(configPath: string): Promise<readonly CheckLine[]> {
  const config = await loadConfig(configPath);
  const providers = await createAuthenticator(config.identityProviders).check();
  const targets = await Promise.all([...config.targets.values()].map(checkTarget));
  return [
    { what: `configuration ${config.path}`, problem: undefined, hint: undefined },
    ...providers.map(({ provider, issuer, error }) => ({
      what: `identity provider ${provider} (${issuer})`,
      problem: error?.message,
      hint: error?.hint,
    })),
    ...targets,
  ];
}

async function checkTarget(target: TargetConfig): Promise<CheckLine> {
  try {
    const { serverVersion, isEncrypted } = await new Upstream(target).probe(target.database);
    const what = `target ${target.name} (PostgreSQL ${serverVersion}, ${isEncrypted ? 'encrypted' : 'not encrypted'})`;
    return { what, problem: undefined, hint: undefined };
  } catch (error) {
    const known = asGwError(error);
    const cause = known.cause instanceof Error ? ` ${known.cause.message}` : '';
    return { what: `target ${target.name}`, problem: `${known.message}${cause}`, hint: known.hint };
  }
}

/** Prints what `check` finds on stdout. @returns the exit code: 0, or 3 when something is wrong */
export async function printCheck(configPath: string, { json }: { readonly json: boolean }): Promise<number> {
  const lines = await check(configPath);
  const text = json
    ? JSON.stringify(
        lines.map(({ what, problem, hint }) => ({ what, ok: problem === undefined, problem, hint })),
        null,
        2,
      )
    : lines.map(lineOf).join('\n');
  process.stdout.write(`${text}\n`);
  return lines.some(({ problem }) => problem !== undefined) ? ERRORS.configuration.exit : 0;
}

function lineOf({ what, problem, hint }: CheckLine): string {
  if (problem === undefined) return `ok    ${what}`;
  return `FAIL  ${what}\n      ${problem}${hint === undefined ? '' : `\n      ${hint}`}`;
}
