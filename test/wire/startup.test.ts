import { describe, expect, it } from 'vitest';
import { GwError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { cancelRequest, startup } from '../../src/wire/build-frontend.ts';
import { decodeStartup, startupPacketBytes } from '../../src/wire/startup.ts';

const packet = (code: number, rest: string | Uint8Array = ''): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(code);
  return Buffer.concat([head, typeof rest === 'string' ? Buffer.from(rest) : rest]);
};
const V3 = 0x0003_0000;

function refusal(action: () => unknown): GwError {
  try {
    action();
  } catch (error) {
    if (error instanceof GwError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('startupPacketBytes', () => {
  const length = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };

  it('waits for the length word, then says how much to wait for', () => {
    expect(startupPacketBytes(Buffer.alloc(0))).toBeUndefined();
    expect(startupPacketBytes(length(8).subarray(0, 3))).toBeUndefined();
    expect(startupPacketBytes(length(8))).toBe(8);
    expect(startupPacketBytes(length(LIMITS.startupPacketBytes + 4))).toBe(LIMITS.startupPacketBytes + 4);
  });

  it.each([7, 0, -1, LIMITS.startupPacketBytes + 5, 0x7fff_ffff, 0x1603_0100])(
    'refuses the length %d',
    (value) => {
      const error = refusal(() => startupPacketBytes(length(value)));
      expect(error.code).toBe('protocol_violation');
      expect(error.message).toContain(String(value));
    },
  );

  it('refuses an HTTP request by its first four bytes', () => {
    expect(refusal(() => startupPacketBytes(Buffer.from('GET / HTTP/1.1'))).code).toBe('protocol_violation');
  });
});

describe('decodeStartup', () => {
  it.each([
    [0, 0],
    [0, 2],
    [0, 9999],
  ])('reads version 3 with minor versions (%d, %d)', (_, minor) => {
    const parameters = [
      ['user', 'alice'],
      ['database', ''],
      ['options', '-c search_path=a\\ b'],
      ['_pq_.x', 'ü'],
    ] as const;
    const body = startup(parameters, { major: 3, minor }).subarray(4);
    expect(decodeStartup(body)).toEqual({ kind: 'startup', major: 3, minor, parameters });
  });

  it('accepts cancel keys of 4 to 256 bytes and hands out a copy', () => {
    for (const size of [4, 32, 256]) {
      const body = cancelRequest(-7, Buffer.alloc(size, 9)).subarray(4);
      const read = decodeStartup(body);
      body.fill(0);
      expect(read).toEqual({ kind: 'cancel', processId: -7, secret: Buffer.alloc(size, 9) });
    }
  });

  it.each([
    ['no version', Buffer.alloc(3), 'protocol_violation'],
    ['a cancel key of 3 bytes', packet(80877102, Buffer.alloc(7)), 'protocol_violation'],
    ['a cancel key of 257 bytes', packet(80877102, Buffer.alloc(261)), 'protocol_violation'],
    ['bytes behind an SSL request', packet(80877103, 'x'), 'protocol_violation'],
    ['bytes behind a GSS request', packet(80877104, Buffer.alloc(1)), 'protocol_violation'],
    ['no terminator', packet(V3), 'protocol_violation'],
    ['no terminator after a pair', packet(V3, 'user\0alice\0'), 'protocol_violation'],
    ['a name without a value', packet(V3, 'user\0'), 'protocol_violation'],
    ['a value without its end', packet(V3, 'user\0alice'), 'protocol_violation'],
    ['bytes behind the terminator', packet(V3, 'user\0alice\0\0\0'), 'protocol_violation'],
    ['a parameter given twice', packet(V3, 'user\0alice\0user\0root\0\0'), 'protocol_violation'],
    ['a name that is not UTF-8', packet(V3, Buffer.from('\xe9\0x\0\0', 'latin1')), 'protocol_violation'],
    ['a value that is not UTF-8', packet(V3, Buffer.from('user\0\xe9\0\0', 'latin1')), 'protocol_violation'],
    ['more than PostgreSQL takes', packet(V3, Buffer.alloc(LIMITS.startupPacketBytes)), 'protocol_violation'],
    ['protocol 2.0', packet(0x0002_0000, '\0'), 'unsupported'],
    ['protocol 4.0', packet(0x0004_0000, '\0'), 'unsupported'],
    ['an unknown request code', packet(80877105, '\0'), 'unsupported'],
  ] as const)('refuses %s', (_, body, code) => {
    expect(refusal(() => decodeStartup(body)).code).toBe(code);
  });

  it('names the parameter that is given twice', () => {
    const error = refusal(() => decodeStartup(packet(V3, 'user\0a\0user\0b\0\0')));
    expect(error.detail).toContain('"user" is given twice');
  });

  it('takes a byte order mark as part of a value', () => {
    const body = startup([['user', '\ufeffalice']]).subarray(4);
    expect(decodeStartup(body)).toMatchObject({ parameters: [['user', '\ufeffalice']] });
  });
});
