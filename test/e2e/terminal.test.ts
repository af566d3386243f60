import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { approveDeviceCode } from '../support/idp.ts';
import { gwJson, gwOnTerminal, newHome, startGw } from './support/cli.ts';

/** What a person sees: prompts, spinner, browser, Ctrl-C. */
let rig: TestGateway;
beforeAll(async () => {
  rig = await startTestGateway({
    configure: (document) => {
      const people = document.identity_providers.find((one: { kind: string }) => one.kind === 'human');
      document.identity_providers.push({ ...people, name: 'partners', audience: ['other'] });
    },
  });
});
afterAll(() => rig.stop());

const SHOW_CURSOR = '\x1b[?25h';
const HIDE_CURSOR = '\x1b[?25l';

describe('gw login on a terminal', () => {
  it('shows how long the code is good, opens the browser, and says who signed in', async () => {
    const home = newHome({ DISPLAY: ':99' });
    const opened = join(home.path, 'opened');
    const browser = join(home.path, 'browser');
    writeFileSync(browser, `#!/bin/sh\necho "$1" > '${opened}'\n`);
    chmodSync(browser, 0o755);
    const terminal = gwOnTerminal(['login', rig.url, '--ca', rig.caFile, '--provider', 'people'], {
      ...home.env,
      BROWSER: browser,
    });
    const url = await terminal.see(/Open (\S+)/);
    const code = await terminal.see(/shows the code (\S+)/);
    await terminal.see(/Waiting for you to sign in \((9m|10m)/);
    await approveDeviceCode(url, code, 'alice');
    await terminal.see(/Signed in to localhost:\d+ as alice@example\.com \(engineers\)/);
    expect(await terminal.ended).toEqual({ code: 0, signal: undefined });
    expect(readFileSync(opened, 'utf8').trim()).toBe(url);
    expect(terminal.raw().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(terminal.raw().lastIndexOf(HIDE_CURSOR));
  });

  it('does not open the browser with --no-browser', async () => {
    const home = newHome({ DISPLAY: ':99' });
    const opened = join(home.path, 'opened');
    const browser = join(home.path, 'browser');
    writeFileSync(browser, `#!/bin/sh\ntouch '${opened}'\n`);
    chmodSync(browser, 0o755);
    const terminal = gwOnTerminal(
      ['login', rig.url, '--ca', rig.caFile, '--provider', 'people', '--no-browser'],
      { ...home.env, BROWSER: browser },
    );
    await terminal.see(/Waiting for you/);
    terminal.write('\x03');
    expect((await terminal.ended).code).toBe(130);
    expect(existsSync(opened)).toBe(false);
  });

  it('ends at Ctrl-C with 130, the cursor shown, nothing kept', async () => {
    const home = newHome();
    const terminal = gwOnTerminal(['login', rig.url, '--ca', rig.caFile, '--provider', 'people'], home.env);
    await terminal.see(/Waiting for you/);
    terminal.write('\x03');
    expect(await terminal.ended).toEqual({ code: 130, signal: undefined });
    expect(terminal.raw()).toContain('Interrupted.');
    expect(terminal.raw().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(terminal.raw().lastIndexOf(HIDE_CURSOR));
    expect(existsSync(join(home.path, '.config/gw/profiles.json'))).toBe(false);
  });

  it('lets the person pick one of several identity providers', async () => {
    const home = newHome();
    const terminal = gwOnTerminal(['login', rig.url, '--ca', rig.caFile], home.env);
    await terminal.see(/Sign in with/);
    await terminal.see(/people/);
    terminal.write('\r');
    await terminal.see(/shows the code/);
    terminal.write('\x03');
    expect((await terminal.ended).code).toBe(130);
  });

  it('Ctrl-C at a question ends with 130', async () => {
    const terminal = gwOnTerminal(['login', rig.url, '--ca', rig.caFile], newHome().env);
    await terminal.see(/Sign in with/);
    terminal.write('\x03');
    expect((await terminal.ended).code).toBe(130);
  });
});

describe('a target that is not named', () => {
  it('is picked on a terminal', async () => {
    const home = newHome();
    const login = startGw(['login', rig.url, '--ca', rig.caFile, '--provider', 'people'], home.env);
    await approveDeviceCode(
      await login.onStderr(/Open (\S+)/),
      await login.onStderr(/shows the code (\S+)/),
      'bob',
    );
    await login.ended;
    const targets = await gwJson<{ name: string }[]>(['ls'], home.env);
    expect(targets.length).toBeGreaterThan(1);
    const terminal = gwOnTerminal(['doctor'], { ...home.env });
    await terminal.see(/target prod-db/);
    expect((await terminal.ended).code).toBe(0);
    const picking = gwOnTerminal(['token'], home.env);
    await picking.see(/Which target\?/);
    picking.write('\x1b[B\r');
    expect((await picking.ended).code).toBe(0);
    expect(picking.raw()).toContain(targets[1]!.name);
  });
});
