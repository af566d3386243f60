import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionFault } from '../../../src/h2/errors.ts';
import { type Field, HpackDecoder } from '../../../src/h2/hpack-decoder.ts';
import { encodeHeaders } from '../../../src/h2/hpack-encoder.ts';
import { H2_LIMITS } from '../../../src/h2/limits.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const pairs = (text: string): Field[] =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const at = line.indexOf(': ', 1);
      return [line.slice(0, at).trim(), line.slice(at + 2)];
    });

/** RFC 7541, Appendix C: blocks that follow one another in one connection. */
const VECTORS: Record<string, { table?: number; blocks: [block: string, fields: string][] }> = {
  'C.2.1 literal with indexing': {
    blocks: [
      ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', 'custom-key: custom-header'],
    ],
  },
  'C.2.2 literal without indexing': {
    blocks: [['040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path']],
  },
  'C.2.3 literal never indexed': {
    blocks: [['1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret']],
  },
  'C.2.4 indexed': { blocks: [['82', ':method: GET']] },
  'C.3 requests without Huffman': {
    blocks: [
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com',
      ],
      [
        '8286 84be 5808 6e6f 2d63 6163 6865',
        ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache',
      ],
      [
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value',
      ],
    ],
  },
  'C.4 requests with Huffman': {
    blocks: [
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com',
      ],
      [
        '8286 84be 5886 a8eb 1064 9cbf',
        ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache',
      ],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value',
      ],
    ],
  },
  'C.5 responses without Huffman, with eviction': {
    table: 256,
    blocks: [
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        ':status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com',
      ],
      [
        '4803 3330 37c1 c0bf',
        ':status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com',
      ],
      [
        '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
        ':status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ],
    ],
  },
  'C.6 responses with Huffman, with eviction': {
    table: 256,
    blocks: [
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        ':status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com',
      ],
      [
        '4883 640e ffc1 c0bf',
        ':status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com',
      ],
      [
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
        ':status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ],
    ],
  },
};

describe('the HPACK decoder', () => {
  it.each(Object.entries(VECTORS))('RFC 7541 %s', (_, { table, blocks }) => {
    const decoder = new HpackDecoder(table);
    for (const [block, fields] of blocks) expect(decoder.decode(hex(block))).toEqual(pairs(fields));
  });

  it.each([
    ['index 0', '80'],
    ['an index behind the tables', 'be'],
    ['a name index behind the tables', '7f0f 0161'],
    ['a size update after a field', '8220'],
    ['a size update beyond the setting', '3fe2 1f'],
    ['an integer that ends early', '7f'],
    ['an integer that does not end', '7fff ffff ffff ffff ffff 01'],
    ['a string longer than the block', '0001 610a 62'],
    ['a string length without end', '0001 617f ff'],
    ['a field that ends after its name', '0001 61'],
    ['Huffman padding of eight bits', '0001 6182 1fff'],
    ['Huffman padding with zeros', '0001 6181 18'],
    ['Huffman EOS', '0001 6184 3fff ffff'],
  ])('refuses %s', (_, block) => {
    expect(() => new HpackDecoder().decode(hex(block))).toThrow(ConnectionFault);
  });

  it('takes the largest integers it needs and no larger', () => {
    const long = 'x'.repeat(40_000);
    const decoded = new HpackDecoder().decode(encodeHeaders({ a: long }));
    expect(decoded).toEqual([['a', long]]);
    expect(() => new HpackDecoder().decode(hex('7fff ffff ff7f'))).toThrow(ConnectionFault);
  });

  it('empties the table when its size is set to zero, and fills it again', () => {
    const decoder = new HpackDecoder();
    decoder.decode(hex('4001 6101 62'));
    expect(decoder.decode(hex('be'))).toEqual([['a', 'b']]);
    expect(() => decoder.decode(hex('20 be'))).toThrow(ConnectionFault);
    const other = new HpackDecoder();
    other.decode(hex('20 4001 6101 62'));
    expect(() => other.decode(hex('be'))).toThrow(ConnectionFault);
  });

  it('keeps its table in step when fields exceed the limits', () => {
    const decoder = new HpackDecoder();
    decoder.decode(encodeBlock(`x`, 'y'.repeat(3_000)));
    const bomb = Buffer.alloc(10_000, 0xbe);
    expect(decoder.decode(Buffer.concat([hex('4001 6101 62'), bomb]))).toBeUndefined();
    expect(decoder.decode(hex('be'))).toEqual([['a', 'b']]);
    expect(decoder.decode(Buffer.alloc(H2_LIMITS.headerFields + 1, 0x82))).toBeUndefined();
    expect(decoder.decode(Buffer.alloc(H2_LIMITS.headerFields, 0x82))).toHaveLength(H2_LIMITS.headerFields);
  });

  it('never does anything but decode or refuse', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder();
        try {
          for (const block of blocks) decoder.decode(Buffer.from(block));
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionFault);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

/** A literal with incremental indexing; short name, length in two bytes. */
function encodeBlock(name: string, value: string): Buffer {
  const rest = value.length - 127;
  const head = Buffer.of(0x40, name.length, ...Buffer.from(name), 0x7f, (rest & 0x7f) | 0x80, rest >> 7);
  return Buffer.concat([head, Buffer.from(value)]);
}

describe('the HPACK encoder', () => {
  it('uses the static table and marks credentials as never indexed', () => {
    expect(encodeHeaders({ ':status': '200' })).toEqual(hex('20 88'));
    expect(encodeHeaders({ ':method': 'CONNECT' })).toEqual(hex('20 02 07 434f 4e4e 4543 54'));
    expect(encodeHeaders({ authorization: 'x' })).toEqual(hex('20 1f08 01 78'));
    expect(encodeHeaders({ 'gw-a': '' })).toEqual(hex('20 00 04 6777 2d61 00'));
  });

  it('is understood by the decoder', () => {
    const name = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/).filter((n) => n !== '__proto__');
    const value = fc.stringMatching(/^[\x21-\xff]([\x20-\xff]{0,300}[\x21-\xff])?$/);
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 10 }), (headers) => {
        expect(new HpackDecoder().decode(encodeHeaders(headers))).toEqual(Object.entries(headers));
      }),
    );
  });

  it.each([
    ['Upper', 'x'],
    ['a b', 'x'],
    ['', 'x'],
    ['a', 'x\r\ny: z'],
    ['a', ' x'],
    ['a', 'x\t'],
    ['a', '\0'],
    ['a', '€'],
  ])('refuses to send %j: %j', (name, value) => {
    expect(() => encodeHeaders({ [name]: value })).toThrow(/cannot be sent/);
  });
});
