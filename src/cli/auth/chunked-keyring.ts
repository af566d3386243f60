/**
 * Secrets of any length in a keyring with a limit for each entry: Windows keeps 2,560 bytes
 * (CRED_MAX_CREDENTIAL_BLOB_SIZE), and a pair of tokens is often more. The entry of the account names the
 * pieces by the secret's digest, and is written after them: a reader finds the old secret or the new one.
 */
import { createHash } from 'node:crypto';
import type { KeyringBackend, SecretStore } from './secret-store.ts';

const PIECES = /^gw-pieces:(\d{1,3}):([0-9a-f]{16})$/;
const MAX_PIECES = 200;

export function chunkedKeyring(backend: KeyringBackend, maxBytes: number, where: string): SecretStore {
  const read = async (account: string): Promise<string | undefined> => {
    const bytes = await backend.get(account);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  };
  const pieces = (account: string, head: string | undefined): string[] => {
    const match = PIECES.exec(head ?? '');
    const count = Math.min(Number(match?.[1] ?? 0), MAX_PIECES);
    return Array.from({ length: count }, (_, index) => `${account}#${match![2]}.${index}`);
  };
  return {
    place: 'keyring',
    where,
    async get(account) {
      const head = await read(account);
      const names = pieces(account, head);
      if (names.length === 0) return head;
      const parts = await Promise.all(names.map((name) => backend.get(name)));
      if (parts.some((part) => part === undefined)) return undefined;
      const whole = Buffer.concat(parts as Uint8Array[]).toString('utf8');
      return digest(whole) === PIECES.exec(head!)![2] ? whole : undefined;
    },
    async set(account, secret) {
      const before = pieces(account, await read(account));
      const bytes = Buffer.from(secret, 'utf8');
      if (bytes.length <= maxBytes) {
        await backend.set(account, bytes);
        for (const name of before) await backend.delete(name);
        return;
      }
      const count = Math.ceil(bytes.length / maxBytes);
      if (count > MAX_PIECES) throw new RangeError('the secret is too long for the keyring');
      const head = `gw-pieces:${count}:${digest(secret)}`;
      const names = pieces(account, head);
      for (const [index, name] of names.entries()) {
        await backend.set(name, bytes.subarray(index * maxBytes, (index + 1) * maxBytes));
      }
      await backend.set(account, Buffer.from(head));
      for (const name of before) if (!names.includes(name)) await backend.delete(name);
    },
    async delete(account) {
      const names = pieces(account, await read(account));
      await backend.delete(account);
      for (const name of names) await backend.delete(name);
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
