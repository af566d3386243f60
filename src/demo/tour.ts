import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDuration } from '../core/units.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { makeHome, type Stage, setStage } from './stage.ts';
import { takeTour } from './steps.ts';

/**
 * `gw demo`: sets the stage, takes the tour and, when asked to stay, waits for Ctrl-C. However it ends, everything
 * it made is taken away.
 */
export interface DemoOptions {
  /** Stay up after the tour, until a signal. */
  readonly stay: boolean;
}

/** @returns 0 when every step gave what it should. @throws GwError `failed` and what starting may throw */
export async function runDemo({ stay }: DemoOptions): Promise<number> {
  const write = (text: string): boolean => process.stdout.write(text);
  const narrator = createNarrator(write, Boolean(process.stdout.isTTY) && !process.env.NO_COLOR);
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const began = performance.now();
  let stage: Stage | undefined;
  try {
    narrator.heading('Starting, all on this machine:');
    stage = await setStage((text) => narrator.say(`· ${text}`));
    narrator.say(`Ready after ${formatDuration(performance.now() - began)}.`);
    if (!interrupt.signal.aborted) await takeTour({ stage, narrator, signal: interrupt.signal });
    write(
      `\nThe tour is over: everything went as it should (${formatDuration(performance.now() - began)}).\n`,
    );
    if (stay) await stayUp(stage, narrator, write, interrupt.signal);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    throw error;
  } finally {
    await stage?.strike();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function stayUp(
  stage: Stage,
  narrator: Narrator,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const you = stage.personEnv('you');
  await makeHome(you);
  const file = join(stage.folder, 'env');
  await writeFile(file, exportsOf(stage, you));
  narrator.heading('Now you. It stays up until Ctrl-C; in another shell, paste:');
  write(`
   . ${file}
   gw login ${stage.url}      # sign in as alice, bob, carol or dave; any password
   gw ls
   gw psql prod-db            # or: gw query prod-db "select * from shop.orders limit 5"
   gw audit tail

   Health and metrics: ${stage.adminUrl}/readyz  ${stage.adminUrl}/metrics
`);
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
  write('\nTaking everything away…\n');
}

/** Shell code that makes `gw` in another shell talk to the demo, without touching one's own settings. */
function exportsOf(stage: Stage, env: NodeJS.ProcessEnv): string {
  const gw = fileURLToPath(new URL('../../bin/gw.js', import.meta.url));
  const names = [
    'XDG_CONFIG_HOME',
    'XDG_STATE_HOME',
    'XDG_DATA_HOME',
    'XDG_CACHE_HOME',
    'XDG_RUNTIME_DIR',
    'GW_KEYRING',
    'GW_CA',
  ];
  return [
    ...names.map((name) => `export ${name}='${env[name]}'`),
    `export GW_DATA='${stage.dataFolder}'`,
    `gw() { '${process.execPath}' '${gw}' "$@"; }`,
    '',
  ].join('\n');
}
