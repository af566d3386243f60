import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { saslprep } from '../../../src/gateway/upstream/saslprep.ts';

describe('SASLprep', () => {
  it.each([
    ['plain ASCII stays', 'user', 'user'],
    ['even with control characters, which would be prohibited', 'a\u0007b', 'a\u0007b'],
    ['soft hyphens go (RFC 4013, example 1)', 'I\u00adX', 'IX'],
    ['case stays (example 3)', 'USER', 'USER'],
    ['compatibility forms are folded (example 4)', '\u00aa', 'a'],
    ['and Roman numerals (example 5)', '\u2168', 'IX'],
    ['other spaces become spaces', 'a\u00a0b\u3000c', 'a b c'],
    ['decomposed letters are composed', 'e\u0301', '\u00e9'],
    ['prohibited: used as it is', 'a\u00a0b\u0007', 'a\u00a0b\u0007'],
    ['private use: used as it is', '\ue000\u00aa', '\ue000\u00aa'],
    ['unassigned in Unicode 3.2: used as it is', '\u00aa\u{1f600}', '\u00aa\u{1f600}'],
    ['right-to-left ended by a digit: used as it is (example 7)', '\u0627\u00aa1', '\u0627\u00aa1'],
    ['right-to-left throughout is prepared', '\u0627\u00ad\u0628', '\u0627\u0628'],
    ['right-to-left with Latin letters: used as it is', '\u0627a\u00ad\u0628', '\u0627a\u00ad\u0628'],
    ['what would become empty is used as it is', '\u00ad\u200d', '\u00ad\u200d'],
  ])('%s', (_, password, prepared) => {
    expect(saslprep(password)).toBe(prepared);
  });

  it('takes any string and is stable', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (password) => {
        const once = saslprep(password);
        expect(saslprep(once)).toBe(once);
      }),
    );
  });
});
