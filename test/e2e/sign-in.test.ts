import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { approveDeviceCode, browserSignIn, denyDeviceCode } from '../support/idp.ts';
import { gw, gwJson, type Home, newHome, startGw } from './support/cli.ts';
import { startProxy } from './support/proxy.ts';

/** The CLI against a real gateway, a real identity provider and a real PostgreSQL. */
let rig: TestGateway;
beforeAll(async () => {
  rig = await startTestGateway();
});
afterAll(() => rig.stop());

/** A home in which `login` has signed in by device code, as a person without a terminal would. */
async function signedIn(login = 'alice', more: readonly string[] = []): Promise<Home> {
  const home = newHome();
  const running = startGw(['login', rig.url, '--ca', rig.caFile, ...more], home.env);
  await approve(running, login);
  expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
  return home;
}

async function approve(running: ReturnType<typeof startGw>, login: string): Promise<void> {
  const url = await running.onStderr(/Open (\S+)/);
  const code = await running.onStderr(/shows the code (\S+)/);
  await approveDeviceCode(url, code, login);
}

describe('gw login', () => {
  it('by device code: URL and code on stderr, who it was, and what comes next', async () => {
    const home = newHome();
    const running = startGw(['login', rig.url, '--ca', rig.caFile], home.env);
    await approve(running, 'alice');
    const { code, stdout, stderr } = await running.ended;
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toContain('Signed in to localhost');
    expect(stderr).toContain('alice@example.com');
    expect(stderr).toContain('next: gw ls');
  });

  it('with --json prints who signed in', async () => {
    const home = newHome();
    const running = startGw(['login', rig.url, '--ca', rig.caFile, '--json'], home.env);
    await approve(running, 'bob');
    const { stdout } = await running.ended;
    expect(JSON.parse(stdout)).toMatchObject({
      gateway: rig.url,
      email: 'bob@example.com',
      groups: ['dba', 'oncall'],
      renews: true,
    });
  });

  it('in the browser', async () => {
    const home = newHome();
    const running = startGw(['login', rig.url, '--browser', '--ca', rig.caFile], home.env);
    await browserSignIn(await running.onStderr(/Open (\S+)/), 'alice');
    expect((await running.ended).code).toBe(0);
    expect((await gw(['ls', '--quiet'], home.env)).stdout).toBe('prod-db\n');
  });

  it('that is refused ends with 5 and keeps nothing', async () => {
    const home = newHome();
    const running = startGw(['login', rig.url, '--ca', rig.caFile], home.env);
    const url = await running.onStderr(/Open (\S+)/);
    await denyDeviceCode(url, await running.onStderr(/shows the code (\S+)/), 'alice');
    expect((await running.ended).code).toBe(5);
    expect(existsSync(join(home.path, '.config/gw/profiles.json'))).toBe(false);
  });

  it('that is interrupted ends with 130 and keeps nothing', async () => {
    const home = newHome();
    const running = startGw(['login', rig.url, '--ca', rig.caFile], home.env);
    await running.onStderr(/shows the code (\S+)/);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect([code, stderr.includes('gw: Interrupted.')]).toEqual([130, true]);
    expect(existsSync(join(home.path, '.config/gw/profiles.json'))).toBe(false);
  });

  it('without the authority of the gateway ends with 6 and says how to give it', async () => {
    const { code, stderr } = await gw(['login', rig.url], newHome().env);
    expect(code).toBe(6);
    expect(stderr).toMatch(/not signed by an authority.*\n.*--ca FILE/s);
  });

  it('takes the authority from the environment', async () => {
    const home = newHome({ GW_CA: rig.caFile });
    const running = startGw(['login', rig.url], home.env);
    await approve(running, 'alice');
    expect((await running.ended).code).toBe(0);
    const other = newHome({ NODE_EXTRA_CA_CERTS: rig.caFile });
    const again = startGw(['login', rig.url], other.env);
    await approve(again, 'alice');
    expect((await again.ended).code).toBe(0);
  });

  it('needs no URL and no --ca the second time', async () => {
    const home = await signedIn();
    const again = startGw(['login'], home.env);
    await approve(again, 'bob');
    expect((await again.ended).code).toBe(0);
    expect(await gwJson(['whoami'], home.env)).toMatchObject({ email: 'bob@example.com' });
  });
});

describe('signed in', () => {
  it('whoami, ls and status tell what the gateway says', async () => {
    const { env } = await signedIn('alice');
    expect(await gwJson(['whoami'], env)).toMatchObject({
      email: 'alice@example.com',
      groups: ['engineers'],
      kind: 'human',
      gateway: rig.url,
      credential: expect.stringMatching(/^profile localhost-\d+$/),
    });
    expect(await gwJson(['ls'], env)).toMatchObject([
      { name: 'prod-db', because: expect.stringContaining('engineers') },
    ]);
    const table = (await gw(['ls'], env)).stdout;
    expect(table).toMatch(/^NAME +DATABASE +BECAUSE/);
    expect(table).toContain('prod-db');
    expect(await gwJson(['status'], env)).toMatchObject({ gateway: rig.url, sessions: [], tunnels: [] });
    expect((await gw(['status'], env)).stdout).toContain('alice@example.com (engineers)');
  });

  it('an identity in no group is told what it can do', async () => {
    const { env } = await signedIn('dave');
    const { code, stdout, stderr } = await gw(['ls'], env);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toContain('You reach no target');
  });

  it('tokens are in no file that others can read, and nowhere in plain text', async () => {
    const { path } = await signedIn();
    const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) {
      const full = join(file.parentPath, file.name);
      expect(statSync(full).mode & 0o077, full).toBe(0);
      expect(readFileSync(full, 'utf8'), full).not.toMatch(/eyJ|refresh_token"/);
    }
  });

  it('several gateways have profiles of their own', async () => {
    const home = await signedIn('alice', ['--profile', 'first']);
    const second = startGw(['login', rig.url, '--ca', rig.caFile, '--profile', 'second'], home.env);
    await approve(second, 'bob');
    await second.ended;
    const email = async (...args: string[]) =>
      (await gwJson<{ email: string }>(['whoami', ...args], home.env)).email;
    expect(await email()).toBe('bob@example.com');
    expect(await email('--gateway', 'first')).toBe('alice@example.com');
    expect((await gwJson<{ email: string }>(['whoami'], { ...home.env, GW_GATEWAY: 'first' })).email).toBe(
      'alice@example.com',
    );
    expect((await gw(['__complete', 'gateways'], home.env)).stdout).toBe('first\nsecond\n');
  });

  it('completion knows the targets, quickly again, and is silent without a gateway', async () => {
    const { env } = await signedIn();
    for (let time = 0; time < 2; time++) {
      expect(await gw(['__complete', 'targets'], env)).toMatchObject({
        code: 0,
        stdout: 'prod-db\n',
        stderr: '',
      });
    }
    expect(await gw(['__complete', 'targets'], newHome().env)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('a command without a terminal never asks', async () => {
    const { env } = await signedIn('bob');
    const { code, stdout, stderr } = await gw(['token'], env);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('gw token TARGET');
  });
});

describe('gw logout', () => {
  it('ends the sign-in here and at the provider', async () => {
    const { env, path } = await signedIn();
    const { code, stderr } = await gw(['logout'], env);
    expect(code).toBe(0);
    expect(stderr).toContain('Signed out of localhost');
    expect(stderr).not.toContain('was not told');
    expect((await gw(['ls'], env)).code).toBe(4);
    expect(readdirSync(join(path, '.local/share/gw/credentials'))).toEqual([]);
    expect((await gw(['logout'], env)).stderr).toContain('You were not signed in.');
  });

  it('--all ends all of them, also when the provider is away', async () => {
    const home = await signedIn('alice', ['--profile', 'one']);
    const file = join(home.path, '.config/gw/profiles.json');
    const profiles = JSON.parse(readFileSync(file, 'utf8'));
    profiles.profiles.two = { ...profiles.profiles.one };
    profiles.profiles.two.sign_in = { ...profiles.profiles.one.sign_in, issuer: 'http://127.0.0.1:1' };
    writeFileSync(file, JSON.stringify(profiles));
    expect(await gwJson(['logout', '--all'], home.env)).toEqual([
      { profile: 'one', revoked: true },
      { profile: 'two', revoked: false },
    ]);
  });
});

describe('without a person', () => {
  it('client credentials reach what the machine may reach', async () => {
    const { robot } = rig.idp.clients;
    const { env } = newHome({
      GW_GATEWAY: rig.url,
      GW_CA: rig.caFile,
      GW_CLIENT_ID: robot.clientId,
      GW_CLIENT_SECRET: robot.clientSecret,
    });
    expect(await gwJson(['whoami'], env)).toMatchObject({
      kind: 'machine',
      groups: ['ci-deploy'],
      credential: `client ${robot.clientId} (GW_CLIENT_ID)`,
    });
    expect((await gw(['ls', '-q'], env)).stdout).toBe('prod-db\n');
  });

  it('a token that ended is told as that', async () => {
    const { env } = newHome({ GW_GATEWAY: rig.url, GW_CA: rig.caFile, GW_TOKEN: 'a.b.c' });
    expect((await gw(['ls'], env)).code).toBe(4);
  });

  it('wins over a profile', async () => {
    const home = await signedIn('alice');
    const { robot } = rig.idp.clients;
    const env = { ...home.env, GW_CLIENT_ID: robot.clientId, GW_CLIENT_SECRET: robot.clientSecret };
    expect(await gwJson(['whoami'], env)).toMatchObject({ kind: 'machine' });
  });
});

describe('gw doctor', () => {
  interface Check {
    readonly name: string;
    readonly result: string;
    readonly what: string;
    readonly fix?: string;
  }

  it('finds all well, down to a round trip to the database', async () => {
    const { env } = await signedIn();
    const checks = await gwJson<Check[]>(['doctor'], env);
    expect(checks.filter(({ result }) => result === 'fail')).toEqual([]);
    const names = checks.map(({ name }) => name);
    for (const name of [
      'configuration',
      'keyring',
      'proxy',
      'certificate',
      'gateway',
      'clock',
      'sign-in',
      'target prod-db',
    ]) {
      expect(names).toContain(name);
    }
    expect((await gw(['doctor', 'prod-db'], env)).stdout).toMatch(/✔ target prod-db +opened in \d+ ms/);
  });

  it('fails, and says what to do, where something is wrong', async () => {
    const { env } = await signedIn();
    const wrong = await gw(['doctor', 'no-such-target'], env);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/✖ target no-such-target/);
    const nobody = await gw(['doctor', '--json'], newHome().env);
    expect(nobody.code).toBe(1);
    expect((JSON.parse(nobody.stdout) as Check[]).at(-1)).toMatchObject({
      result: 'fail',
      fix: expect.stringContaining('gw login'),
    });
  });
});

describe('a clock that is an hour off', () => {
  /** Moves the clock of the child, not that of the system. */
  const shifted = (ms: number): string =>
    `--import=data:text/javascript,${encodeURIComponent(`
      const Real = Date;
      globalThis.Date = class extends Real {
        constructor(...args) { if (args.length > 0) super(...args); else super(Real.now() + ${ms}); }
        static now() { return Real.now() + ${ms}; }
      };`)}`;

  it.each([3_600_000, -3_600_000])('(%i ms) does no harm, and the doctor says so', async (ms) => {
    const home = newHome({ NODE_OPTIONS: shifted(ms) });
    const running = startGw(['login', rig.url, '--browser', '--ca', rig.caFile], home.env);
    await browserSignIn(await running.onStderr(/Open (\S+)/), 'alice');
    expect((await running.ended).code).toBe(0);
    expect((await gw(['ls', '-q'], home.env)).stdout).toBe('prod-db\n');
    const { code, stdout } = await gw(['doctor'], home.env);
    expect([code, /✖ clock +(59m 5\ds|1h)/.test(stdout)]).toEqual([1, true]);
  });
});

describe('a proxy', () => {
  it('is used for API and tunnel when the environment names one, and not for what NO_PROXY names', async () => {
    const proxy = await startProxy();
    try {
      const home = await signedIn();
      const env = { ...home.env, HTTPS_PROXY: proxy.url };
      expect((await gw(['ls', '-q'], env)).stdout).toBe('prod-db\n');
      expect(proxy.asked).toEqual([new URL(rig.url).host]);
      expect((await gw(['ls', '-q'], { ...env, NO_PROXY: 'localhost' })).code).toBe(0);
      expect(proxy.asked).toHaveLength(1);
      const { stdout } = await gw(['doctor', 'prod-db'], env);
      expect(stdout).toMatch(/✔ target prod-db/);
      expect(proxy.asked.length, 'the tunnel takes the same way').toBeGreaterThan(2);
    } finally {
      proxy.stop();
    }
  });
});

describe('a gateway that is away', () => {
  it('ends with 6, and status still tells what it knows', async () => {
    const home = await signedIn();
    const file = join(home.path, '.config/gw/profiles.json');
    const profiles = JSON.parse(readFileSync(file, 'utf8'));
    for (const profile of Object.values(profiles.profiles) as { gateway: string }[])
      profile.gateway = 'https://127.0.0.1:1';
    writeFileSync(file, JSON.stringify(profiles));
    const { code, stdout, stderr } = await gw(['status'], home.env);
    expect(code).toBe(6);
    expect(stdout).toContain('https://127.0.0.1:1');
    expect(stderr).toContain('refused');
  });
});
