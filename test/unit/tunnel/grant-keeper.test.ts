import { beforeEach, describe, expect, it } from 'vitest';
import { GrantKeeper } from '../../../src/cli/tunnel/grant-keeper.ts';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { GwError } from '../../../src/core/errors.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOT_SIGNED_IN = new GwError('not_signed_in', 'You are not signed in.', { hint: 'gw login' });

let nowMs: number;
let answers: (Partial<SessionGrant> | GwError)[];
let asked: number;
let heard: string[];
let keeper: GrantKeeper;

beforeEach(() => {
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  answers = [];
  asked = 0;
  heard = [];
  keeper = new GrantKeeper(
    'prod-db',
    { sessionGrant: async () => answer() },
    { now: () => nowMs, monotonic: () => nowMs },
    {
      problem: (error) => heard.push(error.code),
      recovered: () => heard.push('recovered'),
      ended: () => heard.push('ended'),
    },
  );
});

/** The gateway's clock is a day ahead: only differences may count. */
function answer(): SessionGrant {
  asked++;
  const next = answers.shift() ?? {};
  if (next instanceof GwError) throw next;
  const at = (ms: number): string => new Date(nowMs + 24 * HOUR + ms).toISOString();
  return {
    id: 'g',
    token: `token-${asked}`,
    target: 'prod-db',
    database: 'shop',
    user: 'alice',
    issued_at: at(0),
    expires_at: at(HOUR),
    ends_at: at(12 * HOUR),
    ...next,
  };
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));
async function pass(ms: number): Promise<void> {
  nowMs += ms;
  keeper.tick();
  await settled();
}

describe('GrantKeeper', () => {
  it('asks once for all who wait at the same time', async () => {
    const grants = await Promise.all([keeper.get(), keeper.get(), keeper.get()]);
    expect(new Set(grants.map(({ token }) => token))).toEqual(new Set(['token-1']));
    expect(keeper.current()?.token).toBe('token-1');
    expect(asked).toBe(1);
  });

  it('renews at 80 % of the life, in the background', async () => {
    await keeper.get();
    await pass(47 * MINUTE);
    expect(asked).toBe(1);
    await pass(2 * MINUTE);
    expect(keeper.current()?.token).toBe('token-2');
    expect(keeper.endsAtMs).toBe(nowMs + 12 * HOUR);
  });

  it('uses the old one while renewing fails, tries again with pauses, and tells it once', async () => {
    await keeper.get();
    answers = Array.from({ length: 3 }, () => new GwError('gateway_unreachable', 'Away.'));
    await pass(49 * MINUTE);
    await pass(100);
    expect(asked).toBe(2);
    await pass(2_000);
    await pass(5_000);
    expect(asked).toBe(4);
    expect(heard).toEqual(['gateway_unreachable']);
    expect(keeper.current()?.token).toBe('token-1');
    await pass(10_000);
    expect(heard).toEqual(['gateway_unreachable', 'recovered']);
    expect(keeper.current()?.token).toBe('token-5');
  });

  it('refuses with the reason once the grant has expired, and asks again for a connection, not by itself', async () => {
    await keeper.get();
    answers = [NOT_SIGNED_IN, NOT_SIGNED_IN];
    await pass(49 * MINUTE);
    await pass(20 * MINUTE);
    expect(heard).toEqual(['not_signed_in']);
    expect(asked).toBe(2);
    await expect(keeper.get()).rejects.toBe(NOT_SIGNED_IN);
    expect(asked).toBe(3);
    // Signed in again in another window.
    nowMs += 2_000;
    expect((await keeper.get()).token).toBe('token-4');
    expect(heard).toEqual(['not_signed_in', 'recovered']);
  });

  it('shares a failure with those who come right behind', async () => {
    answers = [NOT_SIGNED_IN, NOT_SIGNED_IN];
    await expect(keeper.get()).rejects.toBe(NOT_SIGNED_IN);
    await expect(keeper.get()).rejects.toBe(NOT_SIGNED_IN);
    expect(asked).toBe(1);
    // Whoever asked first reports it.
    expect(heard).toEqual([]);
  });

  it('does not use a grant the gateway rejected', async () => {
    const { token } = await keeper.get();
    keeper.reject('another');
    expect(keeper.current()?.token).toBe(token);
    keeper.reject(token);
    expect(keeper.current()).toBeUndefined();
    expect((await keeper.get()).token).toBe('token-2');
  });

  it('ends when the absolute end comes and there is no later one', async () => {
    answers = [{ ends_at: new Date(nowMs + 25 * HOUR).toISOString() }, new GwError('denied', 'No.')];
    await keeper.get();
    await pass(50 * MINUTE);
    expect(heard).toEqual(['denied']);
    answers = [new GwError('denied', 'No.')];
    await pass(11 * MINUTE);
    await pass(MINUTE);
    expect(heard).toEqual(['denied', 'ended']);
  });

  it('goes on when a renewal moved the end', async () => {
    answers = [{ ends_at: new Date(nowMs + 25 * HOUR).toISOString() }];
    await keeper.get();
    // The machine slept over it.
    await pass(3 * HOUR);
    expect(heard).toEqual([]);
    expect(keeper.current()?.token).toBe('token-2');
  });
});
