import { systemClock } from '../core/clock.ts';
import { GwError } from '../core/errors.ts';
import type { GatewayClient } from './auth/gateway-client.ts';
import type { GatewaySetting } from './auth/open-gateway.ts';
import { findPaths } from './auth/paths.ts';
import type { CommandContext, Halves } from './context.ts';
import { type ProcessInterrupts, processInterrupts } from './interrupts.ts';
import type { Invocation } from './program.ts';
import { createOutput } from './render/terminal-output.ts';
import { createPrompts } from './render/terminal-prompts.ts';

export interface OpenContext extends CommandContext {
  readonly interrupt: ProcessInterrupts;
  /** Releases what the command opened. */
  close(): Promise<void>;
}

/** The context of a real run: this process's streams, environment, clock and signals. */
export function createContext(invocation: Invocation, halves: Halves): OpenContext {
  const { env } = process;
  const { json, quiet, selection } = invocation;
  const out = createOutput({ json, quiet, env, stdout: process.stdout, stderr: process.stderr });
  const prompts = createPrompts({ json, env });
  const base = { out, env, clock: systemClock, paths: findPaths(env), prompts, selection, halves };
  const network = async (): Promise<GatewaySetting> => {
    // Loading what speaks to a proxy takes a noticeable time; most have none.
    const proxyFor = namesProxy(env) ? (await import('./tunnel/proxy.ts')).proxyFor : () => undefined;
    return { ...base, canPrompt: prompts.canPrompt, proxyFor };
  };
  let opened: Promise<GatewayClient> | undefined;
  const gateway = (): Promise<GatewayClient> => {
    opened ??= (async () => {
      const [{ openGateway }, setting] = await Promise.all([import('./auth/open-gateway.ts'), network()]);
      return openGateway(selection, setting);
    })();
    return opened;
  };
  return {
    ...base,
    interrupt: processInterrupts(),
    network,
    gateway,
    pickTarget: async (given, command) => given ?? pickTarget(await gateway(), base, command),
    async close() {
      await opened?.then(
        (client) => client.close(),
        () => {},
      );
    },
  };
}

const namesProxy = (env: NodeJS.ProcessEnv): boolean =>
  Object.keys(env).some((name) => /^(https?|all)_proxy$/i.test(name) && env[name] !== '');

type Asking = Pick<CommandContext, 'out' | 'prompts'>;

async function pickTarget(
  gateway: GatewayClient,
  { out, prompts }: Asking,
  command: string,
): Promise<string> {
  if (!prompts.canPrompt) {
    throw new GwError('usage', `gw ${command} needs a TARGET.`, {
      hint: `gw ls shows them, then: gw ${command} TARGET`,
    });
  }
  const targets = await gateway.targets();
  if (targets.length === 0) {
    throw new GwError('not_found', `You reach no target of ${gateway.name}.`, {
      hint: 'Ask who runs the gateway to let one of your groups connect: gw whoami shows them.',
    });
  }
  if (targets.length === 1) {
    out.note(`Target: ${targets[0]!.name}`);
    return targets[0]!.name;
  }
  return prompts.choose(
    'Which target?',
    targets.map(({ name, description }) => ({
      value: name,
      ...(description === undefined ? {} : { description }),
    })),
  );
}
