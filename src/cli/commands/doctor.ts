import { asGwError } from '../../core/errors.ts';
import { type Check, ok, warn } from '../auth/check.ts';
import { checkGateway, checkIdentity, checkProviders } from '../auth/check-gateway.ts';
import { checkConfig, checkKeyring, checkProxy, failed } from '../auth/check-local.ts';
import { checkWay } from '../auth/check-network.ts';
import type { GatewayClient } from '../auth/gateway-client.ts';
import type { CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import type { Output } from '../render/output.ts';
import { sanitiseLine } from '../render/sanitise.ts';
import { textWidth } from '../render/width.ts';
import { probeTarget } from '../tunnel/tunnel.ts';

/** Without a target named, this many are tried: enough to tell a broken gateway from a broken database. */
const MAX_TARGETS = 10;

export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'Check everything on the way to a database, and say what to do',
  examples: [
    ['gw doctor', 'this machine, the gateway, the identity provider, every target'],
    ['gw doctor prod-db', 'one target only'],
    ['gw doctor --json', 'for a script; exits 1 when a check fails'],
  ],
  args: [{ name: 'TARGET', summary: 'The database to make a round trip to', completes: 'target' }],
  options: [JSON_OPTION],
  async run({ args }, context) {
    const { out } = context;
    const checks: Check[] = [];
    const spinner = out.spinner('Checking');
    try {
      for await (const check of allChecks(args[0], context)) {
        checks.push(check);
        spinner.text(`Checking (${check.name})`);
      }
    } finally {
      spinner.stop();
    }
    if (out.json) out.value(checks);
    else show(checks, out);
    return checks.some((check) => check.result === 'fail') ? 1 : 0;
  },
};

/** In the order of the way; a step that fails ends those that need it. */
async function* allChecks(target: string | undefined, context: CommandContext): AsyncGenerator<Check> {
  const { env, paths, prompts, out, clock } = context;
  yield ok('gw', `node ${process.versions.node} on ${process.platform} ${process.arch}`);
  const { check, profiles } = await checkConfig(paths);
  yield check;
  yield await checkKeyring({ env, paths, canPrompt: prompts.canPrompt, note: out.note });
  if (profiles === undefined) return;
  let gateway: GatewayClient;
  try {
    gateway = await context.gateway();
  } catch (error) {
    yield failed('gateway', error);
    return;
  }
  const { proxyFor } = await context.network();
  const proxy = checkProxy(gateway.url, proxyFor);
  yield proxy;
  if (proxy.result === 'fail') return;
  if (proxyFor(gateway.url) === undefined) {
    const way = await checkWay(gateway.url, gateway.http.trust, clock.now());
    yield* way;
    if (way.some((one) => one.result === 'fail')) return;
  }
  const answers = await checkGateway(gateway, clock);
  yield* answers;
  if (answers[0]?.result === 'fail') return;
  yield* await checkProviders(gateway);
  const identity = await checkIdentity(gateway, clock);
  yield identity;
  if (identity.result !== 'fail') yield* checkTargets(target, gateway, context);
}

async function* checkTargets(
  wanted: string | undefined,
  gateway: GatewayClient,
  { clock }: CommandContext,
): AsyncGenerator<Check> {
  const names = wanted === undefined ? (await gateway.targets()).map(({ name }) => name) : [wanted];
  if (names.length === 0)
    yield warn('targets', 'you reach none', 'Ask who runs the gateway; gw whoami shows your groups.');
  for (const name of names.slice(0, MAX_TARGETS)) yield await checkTarget(name, gateway, clock);
  if (names.length > MAX_TARGETS) {
    yield ok(
      'targets',
      `${names.length - MAX_TARGETS} more were not tried; name one: gw doctor ${names[MAX_TARGETS]}`,
    );
  }
}

async function checkTarget(
  name: string,
  gateway: GatewayClient,
  clock: CommandContext['clock'],
): Promise<Check> {
  try {
    const { openMs, roundTripMs } = await probeTarget(gateway, name, clock);
    return ok(
      `target ${name}`,
      `opened in ${Math.round(openMs)} ms, round trip ${roundTripMs.toFixed(1)} ms`,
    );
  } catch (error) {
    return failed(`target ${name}`, asGwError(error));
  }
}

function show(checks: readonly Check[], out: Output): void {
  const { dataStyle: style } = out;
  const marks = { ok: style.good('✔'), warn: style.warning('!'), fail: style.bad('✖') };
  const width = Math.max(...checks.map(({ name }) => textWidth(sanitiseLine(name))));
  for (const { name, result, what, fix } of checks) {
    const title = sanitiseLine(name);
    out.line(`${marks[result]} ${title}${' '.repeat(width - textWidth(title))}  ${sanitiseLine(what)}`);
    if (fix) out.line(`${' '.repeat(width + 4)}${style.accent('→')} ${sanitiseLine(fix)}`);
  }
  const count = (result: Check['result']): number => checks.filter((check) => check.result === result).length;
  const [fails, warnings] = [count('fail'), count('warn')];
  out.line('');
  out.line(fails + warnings === 0 ? style.good('All is well.') : `${fails} failed, ${warnings} to look at.`);
}
