import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { Secret } from '../../../src/core/secret.ts';
import { LoginFailed } from '../../../src/gateway/upstream/failures.ts';
import { type ChannelBinding, ScramDialogue, ScramKeyCache } from '../../../src/gateway/upstream/scram.ts';

const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const SERVER_FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=${SALT},i=4096`;
const password = new Secret('pencil');
const NO_BINDING: ChannelBinding = { kind: 'none' };

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** What a server does with the client's final message: checks the proof, answers with its own. */
function serverFinal(
  first: string,
  serverFirst: string,
  final: string,
  secret = 'pencil',
): string | undefined {
  const [withoutProof, proof] = final.split(',p=') as [string, string];
  const [, salt, iterations] = /s=([^,]+),i=(\d+)/.exec(serverFirst) as unknown as [string, string, string];
  const salted = pbkdf2Sync(secret, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  const bare = first.replace(/^[^,]*,,/, '');
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(storedKey, authMessage);
  const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ signature[i]!);
  if (!createHash('sha256').update(clientKey).digest().equals(storedKey)) return undefined;
  return `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`;
}

const finalOf = (serverFirst: string, dialogue = new ScramDialogue(NO_BINDING, NONCE)): Promise<Buffer> =>
  dialogue.final(Buffer.from(serverFirst), password, new ScramKeyCache());

describe('SCRAM-SHA-256', () => {
  it('proves the password to the server and believes only a server that knows it', async () => {
    const dialogue = new ScramDialogue(NO_BINDING, NONCE);
    const first = dialogue.first().toString();
    expect(first).toBe(`n,,n=,r=${NONCE}`);
    const final = (await finalOf(SERVER_FIRST, dialogue)).toString();
    expect(final).toMatch(/^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=/);
    const answer = serverFinal(first, SERVER_FIRST, final);
    expect(answer).toBeDefined();
    expect(() => dialogue.verify(Buffer.from(answer!))).not.toThrow();
    const other = `v=${Buffer.alloc(32, 7).toString('base64')}`;
    for (const wrong of [other, '', 'v=', 'e=invalid-proof', `${answer},x=1`, 'v=biws']) {
      expect(() => dialogue.verify(Buffer.from(wrong)), wrong).toThrow(LoginFailed);
    }
  });

  it('believes nobody before its own proof was made', () => {
    const dialogue = new ScramDialogue(NO_BINDING, NONCE);
    expect(() => dialogue.verify(Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`))).toThrow(
      LoginFailed,
    );
  });

  it('binds to the channel, says when it could have, and says when it cannot', async () => {
    const data = Buffer.from('hash of a certificate');
    const bound = new ScramDialogue({ kind: 'tls-server-end-point', data }, NONCE);
    expect(bound.mechanism).toBe('SCRAM-SHA-256-PLUS');
    expect(bound.first().toString()).toBe(`p=tls-server-end-point,,n=,r=${NONCE}`);
    const [, binding] = /^c=([^,]+),/.exec((await finalOf(SERVER_FIRST, bound)).toString()) ?? [];
    expect(Buffer.from(binding!, 'base64').toString()).toBe('p=tls-server-end-point,,hash of a certificate');
    const unused = new ScramDialogue({ kind: 'unused' }, NONCE);
    expect(unused.mechanism).toBe('SCRAM-SHA-256');
    expect(unused.first().toString()).toBe(`y,,n=,r=${NONCE}`);
    expect((await finalOf(SERVER_FIRST, unused)).toString()).toMatch(/^c=eSws,/);
  });

  it.each([
    ['no extension of our nonce', `r=${NONCE},s=${SALT},i=4096`],
    ['another nonce', `r=x${NONCE}yz,s=${SALT},i=4096`],
    ['no salt', `r=${NONCE}x,s=,i=4096`],
    ['a salt that is not base64', `r=${NONCE}x,s=W22ZaJ0SNY7soEsUEjb6g,i=4096`],
    ['no iterations', `r=${NONCE}x,s=${SALT},i=0`],
    ['iterations that are no number', `r=${NONCE}x,s=${SALT},i=4e3`],
    ['more iterations than anyone needs', `r=${NONCE}x,s=${SALT},i=${LIMITS.scramIterations + 1}`],
    ['a mandatory extension', `m=x,r=${NONCE}x,s=${SALT},i=4096`],
    ['something behind', `r=${NONCE}x,s=${SALT},i=4096,x=1`],
    ['a line end', `r=${NONCE}x,s=${SALT},i=4096\n`],
    ['nothing', ''],
  ])('refuses a server that sends %s', async (_, serverFirst) => {
    await expect(finalOf(serverFirst)).rejects.toThrow(LoginFailed);
  });

  it('answers any bytes with LoginFailed or a proof, and makes a new nonce each time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        await expect(
          new ScramDialogue(NO_BINDING).final(Buffer.from(bytes), password, new ScramKeyCache()),
        ).rejects.toThrow(LoginFailed);
      }),
    );
    expect(new ScramDialogue(NO_BINDING).first()).not.toEqual(new ScramDialogue(NO_BINDING).first());
  });
});

describe('the SCRAM key cache', () => {
  const salt = (n: number): Buffer => Buffer.from(`salt ${n}`);

  it('derives once for one password, salt and count', async () => {
    const cache = new ScramKeyCache();
    const first = cache.get(password, salt(1), 10);
    expect(cache.get(new Secret('pencil'), salt(1), 10)).toBe(first);
    expect(cache.get(new Secret('pen'), salt(1), 10)).not.toBe(first);
    expect(cache.get(password, salt(2), 10)).not.toBe(first);
    expect(cache.get(password, salt(1), 11)).not.toBe(first);
    await first;
  });

  it('forgets the one unused longest', async () => {
    const cache = new ScramKeyCache();
    const kept = cache.get(password, salt(0), 10);
    const lost = cache.get(password, salt(1), 10);
    for (let n = 2; n < LIMITS.scramKeys; n++) cache.get(password, salt(n), 10);
    expect(cache.get(password, salt(0), 10)).toBe(kept);
    cache.get(password, salt(LIMITS.scramKeys), 10);
    expect(cache.get(password, salt(0), 10)).toBe(kept);
    expect(cache.get(password, salt(1), 10)).not.toBe(lost);
    await Promise.all([kept, lost]);
  });
});
