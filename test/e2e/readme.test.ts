import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Secret } from '../../src/core/secret.ts';
import { loadShop, SHOP_LOGIN } from '../../src/demo/shop.ts';
import { parseConfig } from '../../src/gateway/config/config.ts';
import { freePort } from '../../src/gateway/store/embedded.ts';
import { makeCerts, writeCerts } from '../support/certs.ts';
import {
  approveDeviceCode,
  type IdentityProvider,
  machineTokens,
  startIdentityProvider,
} from '../support/idp.ts';
import { blocks, commands, page, ROOT } from '../support/markdown.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { tempDir } from '../support/temp.ts';
import { GW, newHome } from './support/cli.ts';
import { type Shell, startShell } from './support/shell.ts';

/**
 * The README, followed from top to bottom: its gw.yaml is the one the gateway runs with, its commands are run by a
 * shell. What differs from a reader's world is in SUBSTITUTIONS.
 */
const README = page('README.md');
const [GW_YAML = '', GITHUB_JOB = ''] = blocks(README, 'yaml');

/** Commands about the package and the clone: the file that runs them, and how they stand there. */
const RUN_ELSEWHERE: Readonly<Record<string, readonly [file: string, text: string]>> = {
  'npm ci && npm run demo': ['.ci/run', 'npm run demo'],
  'npm ci && npm test': ['.ci/run', 'npm ci && npm test'],
  'npm ci && npm pack': ['test/e2e/package.test.ts', 'npm pack'],
  'npm install --global ./gw-*.tgz': ['test/e2e/package.test.ts', 'npm install --global ./gw-*.tgz'],
};

let world: World;

/** What each command must do. */
const RUN: Readonly<Record<string, () => Promise<void>>> = {
  'gw serve --config gw.yaml --check': async () => {
    const { code, stdout, stderr } = await world.run('gw serve --config gw.yaml --check');
    expect(stdout, stderr).toMatch(/^ok {4}target prod-db/m);
    expect(stdout).not.toContain('FAIL');
    expect(code).toBe(0);
  },
  'gw serve --config gw.yaml': async () => {
    world.gateway = world.start('gw serve --config gw.yaml');
    await world.gateway.see('stderr', /"event":"ready"/);
  },
  'gw login https://gw.example.com:8443': async () => {
    const login = world.start('gw login https://gw.example.com:8443');
    const url = await login.see('stderr', /Open (\S+)/);
    await approveDeviceCode(url, await login.see('stderr', /shows the code (\S+)/), 'alice');
    expect((await login.ended).code).toBe(0);
  },
  'gw ls': () => expectOutput('gw ls', /^prod-db +shop +group engineers +The shop$/m),
  'gw query prod-db "select count(*) from shop.orders"': () =>
    expectOutput('gw query prod-db "select count(*) from shop.orders"', /^ *2000$/m),
  'gw psql prod-db': () =>
    world.hasPsql
      ? expectOutput('gw psql prod-db', /^ *42$/m, 'select 6 * 7;')
      : expectCode('gw psql prod-db', 127),
  'gw connect prod-db -- ./migrate.sh': () =>
    expectOutput('gw connect prod-db -- ./migrate.sh', /^migrated shop$/m),
  'gw connect prod-db': async () => {
    const tunnel = world.start('gw connect prod-db');
    const url = await tunnel.see('stdout', /^(postgresql:.*)\n/m);
    expect(await selectDatabase(url)).toBe('shop');
    tunnel.interrupt();
    expect((await tunnel.ended).code).toBe(130);
  },
  'gw doctor prod-db': () => expectCode('gw doctor prod-db', 0),
  [NATIVE()]: () => (world.hasPsql ? expectOutput(NATIVE(), /^ *1$/m) : expectCode(NATIVE(), 127)),
  'gw audit tail --data /var/lib/gw': () =>
    expectOutput('gw audit tail --data /var/lib/gw', /alice@example\.com {2}prod-db .*from shop\.orders$/m),
};

function NATIVE(): string {
  return commands(README).find((command) => command.startsWith('PGPASSWORD=')) ?? 'PGPASSWORD=';
}

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.stop());

describe('README.md', () => {
  it('has no command that this test does not know, and this test none that it does not have', () => {
    const known = [...Object.keys(RUN_ELSEWHERE), ...Object.keys(RUN)];
    expect(commands(README).toSorted()).toEqual(known.toSorted());
  });

  it.each(Object.entries(RUN_ELSEWHERE))('%s is run elsewhere', (_, [file, text]) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toContain(text);
  });

  it('has a configuration without problems', () => {
    expect(parseConfig(GW_YAML, '/etc/gw/gw.yaml')).not.toHaveProperty('problems');
  });

  it.each(commands(README).filter((command) => command in RUN))('%s', (command) => RUN[command]!());

  it('has a job that GitHub Actions can run', async () => {
    const { permissions, env, steps } = parse(GITHUB_JOB);
    expect(permissions).toEqual({ 'id-token': 'write' });
    for (const { run } of steps as { run: string }[]) {
      const { code, stdout } = await world.runAsJob(run, env);
      expect([code, stdout]).toEqual([0, 'migrated shop\n']);
    }
  });
});

async function expectOutput(command: string, pattern: RegExp, input?: string): Promise<void> {
  const { code, stdout, stderr } = await world.run(command, input);
  expect(stdout, stderr).toMatch(pattern);
  expect(code).toBe(0);
}

async function expectCode(command: string, expected: number): Promise<void> {
  const { code, stdout, stderr } = await world.run(command);
  expect(code, `${stdout}${stderr}`).toBe(expected);
}

interface World {
  readonly hasPsql: boolean;
  gateway: Shell | undefined;
  /** Runs a command of the README, as alice, in the folder of gw.yaml. */
  start(command: string, input?: string): Shell;
  run(command: string, input?: string): Shell['ended'];
  /** The same as a job with GitHub's variables and no home. */
  runAsJob(command: string, env: Readonly<Record<string, string>>): Shell['ended'];
  stop(): Promise<void>;
}

async function makeWorld(): Promise<World> {
  const folder = tempDir('readme').path;
  chmodSync(folder, 0o711); // the embedded control database passes through
  const certs = await makeCerts();
  const files = writeCerts(folder, certs);
  const idp = await startIdentityProvider();
  const issuer = await startIdentityProvider({ audience: 'https://gw.example.com' });
  const postgres = await startPostgres({ tls: certs });
  const github = await fakeGithub(issuer);
  await loadShop(postgres, new Secret(postgres.password));
  writeFileSync(join(folder, 'prod-db.password'), postgres.password, { mode: 0o600 });

  const port = await freePort();
  const pairs = SUBSTITUTIONS({ folder, port, files, idp, github: issuer, postgres });
  for (const [from] of pairs) expect(README).toContain(from);
  const substituted = substitution(pairs);
  writeFileSync(join(folder, 'gw.yaml'), substituted(GW_YAML));
  writeScript(join(folder, 'migrate.sh'), `exec "${process.execPath}" migrate.mjs`);
  writeFileSync(join(folder, 'migrate.mjs'), MIGRATION);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeScript(join(bin, 'gw'), `exec "${process.execPath}" "${GW}" "$@"`);

  // The certificate's authority is one of the system's in the reader's world.
  const common = { GW_CA: files.ca, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const alice = newHome(common).env;
  const world: World = {
    hasPsql: await exists('psql'),
    gateway: undefined,
    start: (command, input) => startShell(substituted(command), { cwd: folder, env: alice, input }),
    run: (command, input) => world.start(command, input).ended,
    runAsJob(command, env) {
      const own = Object.entries(env).map(([name, value]) => [name, substituted(value)]);
      const job = newHome({ ...common, ...github.env, ...Object.fromEntries(own) });
      return startShell(substituted(command), { cwd: folder, env: job.env }).ended;
    },
    async stop() {
      world.gateway?.terminate();
      await world.gateway?.ended;
      github.server.close();
      await Promise.all([postgres.stop(), idp.stop(), issuer.stop()]);
    },
  };
  return world;
}

/** The reader's world → the test's. */
const SUBSTITUTIONS = (here: {
  folder: string;
  port: number;
  files: { ca: string; cert: string; key: string };
  idp: IdentityProvider;
  github: IdentityProvider;
  postgres: TestPostgres;
}): readonly (readonly [string, string])[] => [
  ['0.0.0.0:8443', `127.0.0.1:${here.port}`],
  ['host=gw.example.com port=8443', `host=localhost port=${here.port}`],
  ['https://gw.example.com:8443', `https://localhost:${here.port}`],
  ['sslrootcert=system', `sslrootcert=${here.files.ca}`],
  ['/etc/gw/tls.crt', here.files.cert],
  ['/etc/gw/tls.key', here.files.key],
  ['/etc/gw/db-ca.crt', here.files.ca],
  ['/etc/gw/prod-db.password', join(here.folder, 'prod-db.password')],
  ['/var/lib/gw', join(here.folder, 'data')],
  ['https://id.example.com', here.idp.issuer],
  ['https://token.actions.githubusercontent.com', here.github.issuer],
  [
    '{ repository: acme/shop, ref: refs/heads/main }',
    `{ client_id: ${here.github.clients.robotPost.clientId} }`,
  ],
  ['db.internal', `localhost\n    port: ${here.postgres.port}`],
  ['user: gw,', `user: ${SHOP_LOGIN},`],
];

const substitution =
  (pairs: ReturnType<typeof SUBSTITUTIONS>) =>
  (text: string): string =>
    pairs.reduce((result, [from, to]) => result.replaceAll(from, to), text);

/** GitHub's endpoint for the tokens of jobs; its tokens are those of a machine at a provider of the test's. */
async function fakeGithub(idp: IdentityProvider): Promise<{ server: Server; env: NodeJS.ProcessEnv }> {
  const server = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const authorised =
      request.headers.authorization === 'Bearer request-token' &&
      searchParams.get('audience') === idp.audience;
    const { access_token } = await machineTokens(idp);
    response.writeHead(authorised ? 200 : 401).end(JSON.stringify({ value: access_token }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    server,
    env: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    },
  };
}

/** What a migration script does with DATABASE_URL. */
const MIGRATION = `
import pg from ${JSON.stringify(join(ROOT, 'node_modules/pg/lib/index.js'))};
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const { rows } = await client.query('select current_database() as name');
console.log('migrated ' + rows[0].name);
await client.end();
`;

async function selectDatabase(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query('select current_database() as name')).rows[0].name;
  } finally {
    await client.end();
  }
}

function writeScript(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

const exists = (program: string): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn('sh', ['-c', `command -v ${program}`], { stdio: 'ignore', cwd: dirname(GW) });
    child.once('close', (code) => resolve(code === 0));
  });
