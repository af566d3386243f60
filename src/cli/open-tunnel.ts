import type { CommandContext } from './context.ts';
import { untilInterrupted } from './interrupts.ts';
import type { LocalWishes } from './tunnel/local-endpoint.ts';
import { openReadyTunnel, type ReadyTunnel } from './tunnel/ready.ts';
import type { Reporter } from './tunnel/reporter.ts';

/** Opens a tunnel with a local endpoint for a command, with a spinner; Ctrl-C gives up. */
export async function openTunnel(
  target: string,
  wishes: LocalWishes,
  reporter: Reporter,
  context: CommandContext,
): Promise<ReadyTunnel> {
  const { clock, paths: folders } = context;
  const spinner = context.out.spinner(`Connecting to ${target}`);
  try {
    return await untilInterrupted(context.interrupt, async (signal) => {
      const gateway = await context.gateway();
      return openReadyTunnel({ gateway, target, clock, folders, wishes, reporter, signal });
    });
  } finally {
    spinner.stop();
  }
}
