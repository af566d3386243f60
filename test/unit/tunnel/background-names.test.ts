import { describe, expect, it } from 'vitest';
import { nameTunnel } from '../../../src/cli/tunnel/background-names.ts';
import type { ListedTunnel } from '../../../src/cli/tunnel/registry.ts';

const WANTED = { target: 'prod-db', gateway: 'https://gw', wishes: {} };

function running(name: string, gateway = 'https://gw', more: object = {}): ListedTunnel {
  const summary = {
    name,
    target: 'prod-db',
    gateway,
    pid: 1,
    host: '127.0.0.1',
    port: 15_500,
    user: 'alice',
    database: 'shop',
    url: '',
    started_at: '',
    connections: 0,
    state: 'connected',
    log: '',
    ...more,
  };
  return { name, summary };
}

describe('nameTunnel', () => {
  it('takes the name of the target', () => {
    expect(nameTunnel([], WANTED)).toEqual({ kind: 'free', name: 'prod-db' });
  });
  it('finds the one that runs already', () => {
    expect(nameTunnel([running('prod-db')], WANTED)).toMatchObject({
      kind: 'running',
      summary: { port: 15_500 },
    });
    expect(nameTunnel([running('prod-db')], { ...WANTED, wishes: { port: 15_500 } }).kind).toBe('running');
  });
  it('counts up where another gateway, or one that does not answer, has the name', () => {
    const others = [running('prod-db', 'https://other'), { name: 'prod-db-2', summary: undefined }];
    expect(nameTunnel(others, WANTED)).toEqual({ kind: 'free', name: 'prod-db-3' });
  });
  it.each([[{ port: 1 }], [{ database: 'other' }], [{ socket: true }], [{ password: true }]] as const)(
    'refuses when it runs without %j',
    (wishes) => {
      expect(() => nameTunnel([running('prod-db')], { ...WANTED, wishes })).toThrow('with other settings');
    },
  );
  it('opens a second one under another name', () => {
    const second = { ...WANTED, name: 'second', wishes: { port: 1 } };
    expect(nameTunnel([running('prod-db')], second)).toEqual({ kind: 'free', name: 'second' });
  });
  it('refuses a name that another tunnel has', () => {
    const wanted = { ...WANTED, target: 'stage-db', name: 'prod-db' };
    expect(() => nameTunnel([running('prod-db')], wanted)).toThrow('named prod-db runs already');
  });
});
