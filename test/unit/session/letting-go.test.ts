import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Channel } from '../../../src/core/channel.ts';
import { letGo } from '../../../src/gateway/session/letting-go.ts';

/** How a database session is let go of when its client is gone. */
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function upstream() {
  const calls: string[] = [];
  const note = (what: string) => (): true => {
    calls.push(what);
    return true;
  };
  const channel: Channel = {
    start: note('start'),
    write: (bytes) => note(Buffer.from(bytes).toString('latin1', 0, 1))(),
    pause: note('pause'),
    resume: note('resume'),
    end: note('end'),
    destroy: note('destroy'),
  };
  return { channel, calls, cancel: () => void calls.push('cancel') };
}

describe('letGo', () => {
  it('says Terminate, ends, drops what still comes, and closes soon', () => {
    const { channel, calls } = upstream();
    letGo(channel, { terminated: false, cancel: undefined });
    vi.runAllTimers();
    expect(calls).toEqual(['X', 'end', 'resume', 'destroy']);
  });

  it('does not say Terminate twice', () => {
    const { channel, calls } = upstream();
    letGo(channel, { terminated: true, cancel: undefined });
    expect(calls).not.toContain('X');
  });

  it('cancels what runs, again and again, as a cancel that comes too early is lost; then gives up', () => {
    const { channel, calls, cancel } = upstream();
    letGo(channel, { terminated: false, cancel });
    vi.runAllTimers();
    expect(calls.filter((call) => call === 'cancel').length).toBeGreaterThan(3);
    expect(calls.at(-1)).toBe('destroy');
  });

  it('stops once the server has closed', () => {
    const { channel, calls, cancel } = upstream();
    const closed = letGo(channel, { terminated: false, cancel });
    closed();
    vi.runAllTimers();
    expect(calls).toEqual(['X', 'end', 'resume', 'cancel']);
  });
});
