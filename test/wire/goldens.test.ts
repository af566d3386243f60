import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MessageScanner, scanRules } from '../../src/wire/scanner.ts';
import { BACKEND, FRONTEND, isBackendType, isFrontendType } from '../../src/wire/types.ts';
import { bodyOf, CODECS, codecOf } from './codecs.ts';
import { plain } from './plain.ts';
import { printLine, readTranscript } from './transcript.ts';

const RECORDED = ['psql-simple.txt', 'passwords.txt', 'node-clients.txt', 'protocol-3.2.txt'];
const FILES = [...RECORDED, 'manual.txt'];

describe.each(FILES)('%s', (file) => {
  const lines = readTranscript(file);

  it('is read as it is written down', () => {
    const read = lines.map(({ direction, name, message }) => {
      const codec = codecOf(direction, name);
      return [name, plain(codec.decode(bodyOf(codec, message)))];
    });
    expect(read).toEqual(lines.map(({ name, decoded }) => [name, plain(decoded)]));
  });

  it('is built byte for byte from what is written down', () => {
    const built = lines.map(({ direction, name, decoded }) => {
      const message = codecOf(direction, name).build(decoded);
      return `${direction} ${name} ${message.toString('hex')}`;
    });
    expect(built).toEqual(
      lines.map(({ direction, name, message }) => `${direction} ${name} ${message.toString('hex')}`),
    );
  });
});

describe('the transcripts', () => {
  it('have every message of the protocol', () => {
    const seen = new Set(FILES.flatMap(readTranscript).map((line) => `${line.direction} ${line.name}`));
    expect(
      CODECS.map((codec) => `${codec.direction} ${codec.name}`).filter((name) => !seen.has(name)),
    ).toEqual([]);
    const types = new Set(CODECS.map((codec) => `${codec.direction} ${codec.type}`));
    const named = [
      ...Object.values(FRONTEND).map((type) => `F ${type}`),
      ...Object.values(BACKEND).map((type) => `B ${type}`),
    ];
    expect(named.filter((type) => !types.has(type))).toEqual([]);
  });

  it('are printed as the recorder prints them', () => {
    for (const file of RECORDED) {
      const text = readFileSync(join(import.meta.dirname, 'fixtures', file), 'utf8').trimEnd();
      const printed = readTranscript(file).map((line) => printLine(line.direction, line.name, line.message));
      expect(printed).toEqual(text.split('\n'));
    }
  });

  it.each([
    ['F', isFrontendType],
    ['B', isBackendType],
  ] as const)('pass through a scanner that reads every message, direction %s', (direction, isKnownType) => {
    const lines = RECORDED.flatMap(readTranscript).filter(
      (line) => line.direction === direction && line.name !== 'Startup',
    );
    const found: string[] = [];
    const rules = scanRules({ peer: 'a test', isKnownType, maxMessageBytes: 1e6, bodyLimit: () => 1e6 });
    new MessageScanner(rules).scan(Buffer.concat(lines.map((line) => line.message)), {
      message: (type, body) => void found.push(`${type} ${body.toString('hex')}`),
      passing: () => expect.fail('nothing should pass unread'),
      rest: () => expect.fail('nothing should be left'),
    });
    expect(found).toEqual(lines.map(({ message }) => `${message[0]} ${message.subarray(5).toString('hex')}`));
  });
});
