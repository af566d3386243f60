import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkedKeyring } from '../../../src/cli/auth/chunked-keyring.ts';
import { fileStore } from '../../../src/cli/auth/file-store.ts';
import { writePrivate } from '../../../src/cli/auth/files.ts';
import { withLock } from '../../../src/cli/auth/lock.ts';
import { askKeyring, openStore } from '../../../src/cli/auth/open-store.ts';
import { findPaths } from '../../../src/cli/auth/paths.ts';
import type { KeyringBackend } from '../../../src/cli/auth/secret-store.ts';
import { tempDir } from '../../support/temp.ts';
import { tempPaths } from './support/fake-context.ts';

const run = promisify(execFile);
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('folders', () => {
  it('follow XDG, and ignore relative values', () => {
    expect(
      findPaths({ XDG_CONFIG_HOME: '/x', XDG_STATE_HOME: 'relative', XDG_RUNTIME_DIR: '/r' }, '/home/a'),
    ).toEqual({
      config: '/x/gw',
      data: '/home/a/.local/share/gw',
      state: '/home/a/.local/state/gw',
      cache: '/home/a/.cache/gw',
      runtime: '/r/gw',
    });
  });
  it('are all under GW_CONFIG_HOME when it is set', () => {
    expect(Object.values(findPaths({ GW_CONFIG_HOME: '/g' })).every((path) => path.startsWith('/g'))).toBe(
      true,
    );
  });
});

describe('private files', () => {
  it('are readable by the user alone and leave no temporary ones', async () => {
    const folder = join(tempDir('files').path, 'deep', 'er');
    await writePrivate(join(folder, 'a.json'), 'one');
    await writePrivate(join(folder, 'a.json'), 'two');
    expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['a.json']);
    expect(modeOf(join(folder, 'a.json'))).toBe(0o600);
    expect(modeOf(folder)).toBe(0o700);
  });
  it('say in plain words when they cannot be written', async () => {
    const path = join(tempDir('files').path, 'file');
    writeFileSync(path, '');
    await expect(writePrivate(join(path, 'x'), 'a')).rejects.toMatchObject({
      code: 'configuration',
      exit: 3,
    });
  });
});

describe('the lock', () => {
  it('lets one process at a time through', async () => {
    const folder = tempDir('lock').path;
    const source = join(import.meta.dirname, '../../../src/cli/auth/lock.ts');
    const script = `
      import { appendFileSync } from 'node:fs';
      import { withLock } from ${JSON.stringify(source)};
      for (let i = 0; i < 5; i++) await withLock(${JSON.stringify(join(folder, 'l'))}, async () => {
        appendFileSync(${JSON.stringify(join(folder, 'log'))}, 'in ' + process.pid + '\\n');
        await new Promise((r) => setTimeout(r, 5));
        appendFileSync(${JSON.stringify(join(folder, 'log'))}, 'out ' + process.pid + '\\n');
      });`;
    await Promise.all([1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script])));
    const lines = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(30);
    for (let i = 0; i < lines.length; i += 2) expect(lines[i + 1]).toBe(lines[i]!.replace('in', 'out'));
    expect(readdirSync(folder)).toEqual(['log']);
  });

  it('is taken over from a process that is gone', async () => {
    const path = join(tempDir('lock').path, 'l');
    const { stdout } = await run(process.execPath, ['-p', 'process.pid']);
    const { hostname } = await import('node:os');
    writeFileSync(path, JSON.stringify({ pid: Number(stdout), host: hostname(), id: 'old' }));
    expect(await withLock(path, async () => 'in')).toBe('in');
    expect(existsSync(path)).toBe(false);
  });

  it('is not taken from one that lives; who waits too long is told', async () => {
    const path = join(tempDir('lock').path, 'l');
    await withLock(path, async () => {
      await expect(withLock(path, async () => 'in', { waitMs: 100 })).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringContaining(`(${process.pid})`),
      });
    });
  });

  it('is released when the work fails', async () => {
    const path = join(tempDir('lock').path, 'l');
    await expect(withLock(path, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(existsSync(path)).toBe(false);
  });
});

describe('the encrypted file store', () => {
  it('keeps secrets of any kind, one file each, without their text', async () => {
    const paths = tempPaths();
    const store = fileStore(paths);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string(), async (account, secret) => {
        await store.set(account, secret);
        expect(await store.get(account)).toBe(secret);
      }),
      { numRuns: 20 },
    );
    await store.set('a', 'the-secret-text');
    for (const file of readdirSync(store.where)) {
      expect(readFileSync(join(store.where, file), 'utf8')).not.toContain('the-secret-text');
      expect(modeOf(join(store.where, file))).toBe(0o600);
    }
    expect(modeOf(join(paths.config, 'credentials.key'))).toBe(0o600);
    await store.delete('a');
    expect(await store.get('a')).toBeUndefined();
  });

  it('notices a changed file, another key, and a file put under another account', async () => {
    const paths = tempPaths();
    const store = fileStore(paths);
    await store.set('a', 'secret');
    await store.set('b', 'other');
    const [first, second] = readdirSync(store.where).map((file) => join(store.where, file));
    const text = readFileSync(first!, 'utf8');
    writeFileSync(first!, readFileSync(second!, 'utf8'));
    const swapped = await Promise.allSettled([store.get('a'), store.get('b')]);
    expect(swapped.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    writeFileSync(first!, text);
    writeFileSync(join(paths.config, 'credentials.key'), Buffer.alloc(32, 1).toString('base64'));
    await expect(store.get('a')).rejects.toMatchObject({ code: 'not_signed_in', hint: 'gw login' });
    writeFileSync(join(paths.config, 'credentials.key'), 'short');
    await expect(store.get('a')).rejects.toMatchObject({ code: 'configuration' });
  });
});

/** A keyring in memory that refuses longer entries, and can break down after some writes. */
function memoryKeyring(maxBytes: number) {
  const entries = new Map<string, Uint8Array>();
  const state = { writesLeft: Number.POSITIVE_INFINITY };
  const backend: KeyringBackend = {
    get: async (account) => entries.get(account),
    async set(account, secret) {
      if (secret.length > maxBytes) throw new Error('too long');
      if (state.writesLeft-- <= 0) throw new Error('broken');
      entries.set(account, Uint8Array.from(secret));
    },
    async delete(account) {
      if (state.writesLeft-- <= 0) throw new Error('broken');
      entries.delete(account);
    },
  };
  return { entries, state, store: chunkedKeyring(backend, maxBytes, 'memory') };
}

describe('a keyring with short entries', () => {
  it('holds secrets of any length and leaves nothing over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary', maxLength: 400 })), async (secrets) => {
        const { store, entries } = memoryKeyring(60);
        for (const secret of secrets) {
          await store.set('a', secret);
          expect(await store.get('a')).toBe(secret);
        }
        await store.delete('a');
        expect([...entries.keys()]).toEqual([]);
      }),
    );
  });

  it('has the old secret or the new one after it broke down anywhere', async () => {
    const [before, after] = ['o'.repeat(200), 'n'.repeat(300)];
    for (let writes = 0; writes < 12; writes++) {
      const { store, state } = memoryKeyring(60);
      await store.set('a', before);
      state.writesLeft = writes;
      await store.set('a', after).catch(() => {});
      state.writesLeft = Number.POSITIVE_INFINITY;
      expect([before, after]).toContain(await store.get('a'));
    }
  });
});

describe('choosing where tokens go', () => {
  const options = (env: NodeJS.ProcessEnv, notes: string[] = []) => ({
    env,
    paths: tempPaths(),
    platform: 'linux' as const,
    canPrompt: false,
    note: (text: string) => void notes.push(text),
  });

  it('uses files, and says so once, where there is no session bus', async () => {
    const notes: string[] = [];
    const setting = options({}, notes);
    const store = openStore(setting);
    await store.set('a', 'one');
    await openStore(setting).set('b', 'two');
    expect(store.place).toBe('file');
    expect(await openStore(setting, 'file').get('a')).toBe('one');
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(store.where);
  });

  it('does not hang on a bus that accepts and never answers', async () => {
    const socket = join(tempDir('bus').path, 's');
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const setting = options({ ...process.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` });
      const store = openStore(setting);
      await store.set('a', 'one');
      expect(store.place).toBe('file');
    } finally {
      server.close();
    }
  });

  it('tells a keyring that is away from one that holds nothing', async () => {
    const setting = options({});
    await expect(openStore(setting, 'keyring').get('a')).rejects.toMatchObject({
      code: 'configuration',
      message: 'The keyring of the system cannot be used.',
    });
    await expect(askKeyring(setting)).rejects.toMatchObject({ code: 'configuration' });
  });

  it('obeys GW_KEYRING', async () => {
    expect(openStore(options({ GW_KEYRING: 'file' }), 'keyring').place).toBe('file');
    await expect(
      openStore(options({ ...process.env, GW_KEYRING: 'os', DBUS_SESSION_BUS_ADDRESS: '' })).set('a', 'b'),
    ).rejects.toMatchObject({ code: 'configuration' });
    expect(() => openStore(options({ GW_KEYRING: 'vault' }))).toThrow(/GW_KEYRING=vault/);
  });

  it('keeps the folder of the store private', async () => {
    const setting = options({});
    mkdirSync(setting.paths.config, { recursive: true });
    await openStore(setting).set('a', 'one');
    expect(modeOf(join(setting.paths.data, 'credentials'))).toBe(0o700);
  });
});
