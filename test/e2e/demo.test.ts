import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn as spawnPty } from '@lydell/node-pty';
import { afterEach, describe, expect, it } from 'vitest';
import { startScript } from '../support/child.ts';

const GW = join(import.meta.dirname, '../../bin/gw.js');
const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('gw-demo-'));
const before = leftovers();
const kill: (() => void)[] = [];
afterEach(() => {
  for (const step of kill.splice(0)) step();
});

describe('gw demo', () => {
  it('without a terminal takes the tour, exits 0 and leaves nothing behind', async () => {
    const child = startScript(GW, ['demo']);
    kill.push(() => child.process.kill('SIGKILL'));
    let output = '';
    child.process.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    expect(await new Promise((done) => child.process.once('close', done))).toBe(0);
    for (const command of [
      'gw login',
      'gw whoami',
      'gw ls',
      'gw query prod-db',
      'gw connect prod-db --',
      'gw audit tail',
    ]) {
      expect(output).toContain(`$ ${command}`);
    }
    expect(output).toContain('everything went as it should');
    expect(leftovers()).toEqual(before);
  });

  it('on a terminal stays up, says what to paste, and Ctrl-C takes everything away', async () => {
    // In CI a terminal is nobody's: there the demo would not stay.
    const { CI: _, ...own } = process.env;
    const env = { ...own, TERM: 'xterm-256color' } as Record<string, string>;
    const terminal = spawnPty(process.execPath, [GW, 'demo'], { env, cols: 120, rows: 40 });
    kill.push(() => terminal.kill('SIGKILL'));
    let screen = '';
    const ended = new Promise<number>((done) => terminal.onExit(({ exitCode }) => done(exitCode)));
    await new Promise<void>((ready) => {
      terminal.onData((data) => {
        screen += data;
        if (/gw audit tail[\s\S]*\/metrics/.test(screen)) ready();
      });
    });
    expect(screen).toMatch(/\. \S+gw-demo-\S+\/env/);
    terminal.write('\x03');
    expect(await ended).toBe(0);
    expect(leftovers()).toEqual(before);
  });
});
