import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bodyOf, codecOf } from './codecs.ts';
import { plain, revive } from './plain.ts';

/**
 * Transcripts are text, one message a line: `F Query | 51 00000005 00 | "b''"`: who sent it and its name; type, length and
 * body in hex; what it means as JSON (see plain.ts). Lines that begin with # are remarks.
 */
export interface Line {
  readonly direction: 'F' | 'B';
  readonly name: string;
  readonly message: Buffer;
  readonly decoded: unknown;
}

export function printLine(direction: 'F' | 'B', name: string, message: Buffer): string {
  const codec = codecOf(direction, name);
  const hex = message.toString('hex');
  const parts = codec.type === undefined ? [8] : [2, 10];
  const spaced = [...parts, hex.length].map((end, i) => hex.slice(i === 0 ? 0 : parts[i - 1], end)).join(' ');
  return `${direction} ${name} | ${spaced.trim()} | ${JSON.stringify(plain(codec.decode(bodyOf(codec, message))))}`;
}

export function readTranscript(file: string): Line[] {
  return readFileSync(join(import.meta.dirname, 'fixtures', file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine);
}

function parseLine(line: string): Line {
  const [head, hex, ...json] = line.split(' | ');
  const [direction, name] = head!.split(' ');
  return {
    direction: direction as 'F' | 'B',
    name: name!,
    message: Buffer.from(hex!.replaceAll(' ', ''), 'hex'),
    decoded: revive(JSON.parse(json.join(' | '))),
  };
}
