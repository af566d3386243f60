/**
 * The one place that sees both halves: builds the CLI, hands it `serve` and `demo` (loaded when they run),
 * turns whatever is thrown into words on stderr and an exit code. Nothing else ends the process.
 */
import { ALL_COMMANDS } from './cli/commands.ts';
import type { Halves } from './cli/context.ts';
import { createContext, type OpenContext } from './cli/create-context.ts';
import { exitOfSignal } from './cli/interrupts.ts';
import { runProgram, wantsJson } from './cli/program.ts';
import { renderError } from './cli/render/error.ts';
import { colourLevel, makeStyle } from './cli/render/style.ts';
import { versionText } from './cli/version.ts';
import { asGwError, type GwError } from './core/errors.ts';

/** A handle somebody forgot must not keep the process: this long after the end it is ended. */
const LINGER_MS = 500;
const VERSION_FLAGS = new Set(['--version', '-V', '-v']);

const halves: Halves = {
  serve: async (options) => (await import('./gateway/serve.ts')).serve(options),
  check: async (path, options) => (await import('./gateway/check.ts')).printCheck(path, options),
  audit: async (folder, options) =>
    (await import('./gateway/journal/audit-lines.ts')).readAudit(folder, options),
  demo: async (options) => (await import('./demo/tour.ts')).runDemo(options),
};

/** Runs `gw` with these words (without node and script) and sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.on('uncaughtException', (thrown) => process.exit(tell(asGwError(thrown), argv)));
  // A reader that goes away (`gw ls | head -1`) is no error; output.ts stops writing by itself.
  process.stdout.on('error', ignoreGone);
  process.stderr.on('error', ignoreGone);
  process.exitCode = await run(argv);
  setInterval(() => {
    if (process.stdout.writableLength === 0) process.exit();
  }, LINGER_MS).unref();
}

async function run(argv: readonly string[]): Promise<number> {
  const { env } = process;
  let context: OpenContext | undefined;
  try {
    if (VERSION_FLAGS.has(argv[0] ?? '')) {
      process.stdout.write(versionText(wantsJson(argv, env)));
      return 0;
    }
    return await runProgram(argv, {
      commands: ALL_COMMANDS,
      env,
      style: makeStyle(colourLevel(process.stdout, env)),
      print: (text) => process.stdout.write(text),
      createContext: (invocation) => {
        context = createContext(invocation, halves);
        return context;
      },
    });
  } catch (thrown) {
    const error = asGwError(thrown);
    const exit = tell(error, argv);
    const signal = context?.interrupt.last;
    return error.code === 'interrupted' && signal ? exitOfSignal(signal) : exit;
  } finally {
    await context?.close();
  }
}

/** Says on stderr what went wrong. @returns the exit code */
function tell(error: GwError, argv: readonly string[]): number {
  const { env } = process;
  const style = makeStyle(colourLevel(process.stderr, env));
  // Whoever runs a gateway needs the place of a bug; whoever runs a command needs what to do.
  const debug =
    (Boolean(env.GW_DEBUG) && env.GW_DEBUG !== '0') || (error.code === 'bug' && argv[0] === 'serve');
  process.stderr.write(renderError(error, { json: wantsJson(argv, env), debug, style }));
  return error.exit;
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}
