import { GwError } from '../../core/errors.ts';
import type { CommandInput, CommandSpec } from '../command.ts';
import type { CommandContext, GatewaySelection, InterruptSignal } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { exitOfSignal, untilInterrupted } from '../interrupts.ts';
import { openTunnel } from '../open-tunnel.ts';
import { momentText } from '../render/time.ts';
import { startBackground } from '../tunnel/background.ts';
import { nameTunnel } from '../tunnel/background-names.ts';
import { runDetached } from '../tunnel/detached.ts';
import {
  type Endpoint,
  endpointJson,
  formatEndpoint,
  PRINT_FORMATS,
  type PrintFormat,
  psqlCommand,
} from '../tunnel/endpoint.ts';
import type { LocalWishes } from '../tunnel/local-endpoint.ts';
import type { ReadyTunnel } from '../tunnel/ready.ts';
import { listTunnels, logFile, type TunnelSummary } from '../tunnel/registry.ts';
import { Reporter } from '../tunnel/reporter.ts';
import { exitOfCommand } from '../tunnel/run-command.ts';
import { runThrough } from '../tunnel/run-through.ts';
import { countOf, grantEnded, type Stops, serveUntilStopped } from '../tunnel/serve.ts';

interface Options extends LocalWishes {
  readonly print?: PrintFormat;
  readonly background?: boolean;
  readonly name?: string;
  /** Set by `--background` for the child it starts. */
  readonly detached?: string;
}

/** A pool may open and close hundreds of connections a second. */
const STATUS_MS = 200;

export const connect: CommandSpec = {
  name: 'connect',
  summary: 'Open a local port that leads to a database',
  examples: [
    ['gw connect prod-db', 'a port for psql, GUIs and applications, until Ctrl-C'],
    ['gw connect prod-db -- ./migrate.sh', 'run a command with DATABASE_URL and PG* set, then close'],
    ['gw connect prod-db --background', 'go on in the background; gw tunnels lists and stops'],
    ['gw connect prod-db --port 5433', 'a port of your choice'],
    ['gw connect prod-db --socket', 'a unix socket instead of a port'],
    ['eval "$(gw connect prod-db --background --print env)"', 'point this shell at the database'],
    ['gw connect prod-db -b --print service >> ~/.pg_service.conf', 'then: psql service=prod-db'],
  ],
  description:
    'The connection string is printed once a round trip to the database has succeeded. The port is the same each time\n' +
    'and serves only you. A connection that the gateway loses is made again by itself; the session grant is renewed\n' +
    'as long as you are signed in.\n' +
    '\n' +
    'Ctrl-C takes no new connections and waits for those that are open; a second Ctrl-C cuts them.\n' +
    'With a command, its exit code is the exit code of gw; 127 if it is not found.',
  args: [{ name: 'TARGET', summary: 'Name of the database, as in gw ls', completes: 'target' }],
  passThrough: true,
  options: [
    {
      flags: '-p, --port <number>',
      summary: 'Local port; 0 for any free one',
      env: 'GW_PORT',
      parse: parsePort,
    },
    {
      flags: '--socket [dir]',
      summary: 'Unix socket instead of a port, in a folder only you can enter',
      env: 'GW_SOCKET',
      completes: 'directory',
    },
    { flags: '-d, --database <name>', summary: 'Another database of the target', env: 'GW_DATABASE' },
    {
      flags: '--print <format>',
      summary: 'What to print on stdout: url, env, service or json',
      choices: PRINT_FORMATS,
      env: 'GW_PRINT',
    },
    { flags: '-b, --background', summary: 'Go on in the background once it is ready', env: 'GW_BACKGROUND' },
    {
      flags: '--name <name>',
      summary: 'Name of the tunnel in the background (default: the target)',
      env: 'GW_TUNNEL_NAME',
    },
    {
      flags: '--password',
      summary: 'Local clients must give a password from a file',
      env: 'GW_LOCAL_PASSWORD',
    },
    { flags: '--detached <name>', summary: 'The child of --background', hidden: true },
    JSON_OPTION,
  ],
  async run(input, context) {
    const options = input.options as Options;
    checkOptions(input, options);
    const target = await context.pickTarget(input.args[0], 'connect');
    if (options.detached !== undefined) return runDetachedChild(options.detached, target, options, context);
    if (options.background) return goToBackground(target, options, context);
    if (input.hasRest) return runCommandThrough(target, input.rest, options, context);
    return stayInForeground(target, options, context);
  },
};

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port < 65_536) return port;
  throw new GwError('usage', `"${text}" is not a port.`, { hint: 'It is a number from 0 to 65535.' });
}

function checkOptions({ hasRest, rest }: CommandInput, options: Options): void {
  if (!hasRest) return;
  if (rest.length === 0) {
    throw new GwError('usage', 'There is no command behind "--".', { hint: 'gw connect TARGET -- CMD' });
  }
  const odd = options.background ? '--background' : options.print ? '--print' : undefined;
  if (odd) {
    throw new GwError('usage', `${odd} and a command behind "--" do not go together.`, {
      hint: 'The command finds the settings in its environment: DATABASE_URL and PG*.',
    });
  }
}

async function stayInForeground(target: string, options: Options, context: CommandContext): Promise<number> {
  const { out } = context;
  const reporter = new Reporter(out);
  const ready = await openTunnel(target, options, reporter, context);
  show(target, options, ready.local.endpoint, ready, context);
  let last: InterruptSignal = 'SIGINT';
  const stops: Stops = {
    onStop: (handler) =>
      context.interrupt.onInterrupt((signal, count) => {
        last = signal;
        // With SIGHUP the terminal is gone, and with it whoever could ask again.
        handler(count > 1 || signal === 'SIGHUP');
      }),
  };
  const { host, port } = ready.local.endpoint;
  const status = (): void =>
    out.status(`${target} on ${host}:${port}: ${countOf(reporter.connections)} open`);
  const stopStatus = throttled(status, STATUS_MS, reporter);
  const end = await serveUntilStopped(ready.tunnel, reporter, stops, out);
  stopStatus();
  out.status('');
  await ready.local.remove();
  if (end === 'ended') throw grantEnded(target);
  return exitOfSignal(last);
}

/** Shows the state at once, then each time the count changes, but only so often. Returns the way to stop. */
function throttled(show: () => void, pauseMs: number, reporter: Reporter): () => void {
  let timer: NodeJS.Timeout | undefined;
  reporter.onCount = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      show();
    }, pauseMs).unref();
  };
  show();
  return () => {
    reporter.onCount = () => {};
    clearTimeout(timer);
  };
}

function show(
  target: string,
  options: Options,
  endpoint: Endpoint,
  { roundTripMs, endsAtMs }: ReadyTunnel,
  { out, clock }: CommandContext,
): void {
  const ends = momentText(endsAtMs, clock.now());
  out.note(
    `${out.style.good('✔')} ${target} is ready: ${roundTripMs.toFixed(1)} ms to the database and back.`,
  );
  if (out.json || options.print === 'json') {
    const ends_at = new Date(endsAtMs).toISOString();
    out.value({
      target,
      ...endpointJson(endpoint),
      ends_at,
      round_trip_ms: Math.round(roundTripMs * 10) / 10,
    });
  } else {
    out.line(formatEndpoint(options.print ?? 'url', target, endpoint));
  }
  out.note(`  ${out.style.accent(psqlCommand(endpoint))}`);
  out.note(`  Ends ${ends}. Ctrl-C stops it.`);
}

async function runCommandThrough(
  target: string,
  [command, ...args]: readonly string[],
  options: Options,
  context: CommandContext,
): Promise<number> {
  const ready = await openTunnel(target, { port: 0, ...options }, new Reporter(context.out), context);
  const { env, interrupt } = context;
  const end = await runThrough(ready, {
    command: command!,
    args,
    env,
    onSignal: (handler) => interrupt.onInterrupt(handler),
  });
  if (end.kind !== 'exit') {
    context.out.warn(`${command}: ${end.kind === 'not-found' ? 'command not found' : 'cannot be executed'}`);
  }
  return exitOfCommand(end);
}

async function goToBackground(target: string, options: Options, context: CommandContext): Promise<number> {
  const { out, paths, env, selection } = context;
  const gateway = await context.gateway();
  const wanted = { target, gateway: gateway.url.origin, name: options.name, wishes: options };
  const found = nameTunnel(await listTunnels(paths), wanted);
  let summary: TunnelSummary;
  if (found.kind === 'running') {
    summary = found.summary;
    out.note(`${target} is open in the background already, as ${summary.name}.`);
  } else {
    const spinner = out.spinner(`Connecting to ${target}`);
    try {
      const words = childWords(target, found.name, options, selection);
      summary = await startBackground(words, env, logFile(paths, found.name));
    } finally {
      spinner.stop();
    }
    out.note(`${out.style.good('✔')} ${target} is ready, in the background.`);
  }
  if (out.json || options.print === 'json') {
    out.value(summary);
  } else {
    out.line(formatEndpoint(options.print ?? 'url', target, summary));
  }
  out.note(`  ${out.style.accent(psqlCommand(summary))}`);
  out.note(`  Stop it: gw tunnels stop ${summary.name}`);
  return 0;
}

/** The words with which gw starts itself once more. */
function childWords(
  target: string,
  name: string,
  { port, socket, database, password }: Options,
  { gateway, ca }: GatewaySelection,
): string[] {
  return [
    'connect',
    target,
    ...['--detached', name],
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(socket === undefined ? [] : socket === true ? ['--socket'] : [`--socket=${socket}`]),
    ...(database === undefined ? [] : ['--database', database]),
    ...(password ? ['--password'] : []),
    ...(gateway === undefined ? [] : ['--gateway', gateway]),
    ...(ca === undefined ? [] : ['--ca', ca]),
  ];
}

async function runDetachedChild(
  name: string,
  target: string,
  wishes: LocalWishes,
  context: CommandContext,
): Promise<number> {
  const { clock, paths: folders, interrupt } = context;
  const stops: Stops = { onStop: (handler) => interrupt.onInterrupt((_, count) => handler(count > 1)) };
  const end = await untilInterrupted(interrupt, (signal) =>
    runDetached({ name, target, gateway: context.gateway, folders, clock, wishes, stops, signal }),
  );
  if (end === 'ended') throw grantEnded(target);
  return 0;
}
