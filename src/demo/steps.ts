import { GwError } from '../core/errors.ts';
import type { Narrator } from './narrator.ts';
import { type Ran, runGw } from './run-gw.ts';
import { approveDeviceCode } from './sign-in.ts';
import { makeHome, type Stage } from './stage.ts';

/**
 * The tour: the main job, step by step, with the real CLI as child processes. Every step checks what it got;
 * what is not as it should be ends the tour with an error.
 */
export interface Tour {
  readonly stage: Stage;
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
}

const CUSTOMERS = 'select id, name, email from shop.customers order by id limit 3';

export async function takeTour(tour: Tour): Promise<void> {
  const { stage, narrator } = tour;
  const alice = stage.personEnv('alice');
  await makeHome(alice);

  narrator.heading(
    'Alice signs in with a device code. The gateway tells the CLI where; she types one URL, once.',
  );
  await signIn(tour, 'alice', alice);

  narrator.heading('Who she is, and which databases her groups open.');
  expectText(await gw(tour, ['whoami'], alice), 'alice@example.com');
  expectText(await gw(tour, ['ls'], alice), 'group engineers');

  narrator.heading('She connects. The tunnel is up only after a round trip to the database.');
  const rows = await gw(tour, ['query', 'prod-db', CUSTOMERS], alice);
  expectText(rows, '(3 rows)', 'stderr');
  narrator.say(
    'Any client works the same way: gw connect prod-db opens a port on localhost, gw psql runs psql,',
  );
  narrator.say('gw connect prod-db -- CMD runs a command with PGHOST, PGPORT… and DATABASE_URL set:');
  const environment = await gw(
    tour,
    ['connect', 'prod-db', '--', process.execPath, '-p', 'process.env.DATABASE_URL'],
    alice,
    ['connect', 'prod-db', '--', 'node', '-p', '"process.env.DATABASE_URL"'],
  );
  expectText(environment, 'postgresql://');
  if (`${environment.stdout}${environment.stderr}`.includes(stage.databasePassword.reveal())) {
    throw wrong('The password of the database appeared in the environment of a client.');
  }
  narrator.say(
    "There is no database password in it: that stays in the gateway, and the port answers only Alice's user.",
  );

  narrator.heading('A job in CI does the same without a person: here with client credentials.');
  const { robot } = stage.idp.clients;
  const job = {
    ...stage.personEnv('job'),
    GW_GATEWAY: stage.url,
    GW_CLIENT_ID: robot.clientId,
    GW_CLIENT_SECRET: robot.clientSecret,
    GW_ISSUER: stage.idp.issuer,
  };
  await makeHome(job);
  expectText(
    await gw(tour, ['query', 'prod-db', '--csv', 'select count(*) as orders from shop.orders'], job),
    'orders',
  );

  narrator.heading('Dave is signed in too, but no group of his opens a database.');
  const dave = stage.personEnv('dave');
  await makeHome(dave);
  await signIn(tour, 'dave', dave, true);
  const refused = await gw(tour, ['query', 'prod-db', 'select 1'], dave, undefined, 9);
  expectText(refused, 'may connect to', 'stderr');

  narrator.heading(
    'Every statement is in the journal of the gateway before it runs, with who, what and how it ended.',
  );
  const record = await gw(tour, ['audit', 'tail', '--data', stage.dataFolder, '-n', '3'], alice, [
    'audit',
    'tail',
    '--data',
    '$DATA',
    '-n',
    '3',
  ]);
  expectText(record, CUSTOMERS);
  expectText(record, 'alice@example.com');
}

/** `gw login`, with the tour playing the person in the browser. */
async function signIn(tour: Tour, login: string, env: NodeJS.ProcessEnv, quietly = false): Promise<void> {
  const { stage, narrator } = tour;
  let approval: Promise<void> | undefined;
  const args = ['login', stage.url];
  if (!quietly) narrator.command(`gw ${args.join(' ')}`);
  const ran = await runGw(args, {
    env,
    signal: tour.signal,
    onStderr: (soFar) => {
      const uri = /https?:\/\/\S+\/device\S*/.exec(soFar)?.[0];
      const code = /\b[A-Z]{4}-[A-Z]{4}\b/.exec(soFar)?.[0];
      if (uri && code) approval ??= approveDeviceCode(uri, code, login);
    },
  });
  await approval;
  if (quietly) return expectCode(ran, 0);
  narrator.output(`${ran.stderr}${ran.stdout}`);
  expectCode(ran, 0);
  narrator.say(`(The tour opened that page, entered the code and signed in as ${login}.)`);
}

/** Runs `gw`, shows command and output, and checks the exit code. `shown`: how the command is written. */
async function gw(
  tour: Tour,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  shown = args,
  code = 0,
): Promise<Ran> {
  tour.narrator.command(`gw ${shown.map(quoted).join(' ')}`);
  const ran = await runGw(args, { env, signal: tour.signal });
  tour.narrator.output(`${ran.stdout}${ran.stderr}`);
  expectCode(ran, code);
  return ran;
}

const quoted = (word: string): string => (/^[\w@%+=:,./$"-]+$/.test(word) ? word : `"${word}"`);

function expectCode(ran: Ran, code: number): void {
  if (ran.code !== code)
    throw wrong(`A command ended with exit code ${ran.code} instead of ${code}.`, ran.stderr);
}

function expectText(ran: Ran, text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
  if (!ran[stream].includes(text))
    throw wrong(`The answer should contain "${text}".`, `${ran.stdout}${ran.stderr}`);
}

const wrong = (message: string, detail?: string): GwError =>
  new GwError('failed', `The demo did not go as it should: ${message}`, {
    detail,
    hint: 'Please report this with the output above.',
  });
