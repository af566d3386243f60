import { fault } from './errors.ts';
import { CODE } from './frames.ts';

/**
 * The Huffman code of RFC 7541, Appendix B. It is canonical (codes of one length count up with the symbol),
 * so the lengths say all. Decoding walks a table of (state, four bits): a state is an inner node of the
 * code tree, and as no code is shorter than five bits, four bits complete at most one symbol.
 */

/** Code length in bits by symbol; 256 is EOS. */
// biome-ignore format: sixteen symbols a line
const LENGTHS = Uint8Array.from([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]);
const EOS = 256;
const INNER_NODES = 256;
const NO_SYMBOL = 0xffff;
const FAILED = 0xffff;

interface Table {
  /** Next state and completed symbol by state * 16 + four bits. */
  readonly next: Uint16Array;
  readonly symbol: Uint16Array;
  /** 1 where the bits since the last symbol are a prefix of EOS of at most seven bits (RFC 7541, 5.2). */
  readonly mayEnd: Uint8Array;
}

let table: Table | undefined;

/** Children by node * 2 + bit: an inner node, or -1 - symbol. */
function buildTree(): Int16Array {
  const tree = new Int16Array(INNER_NODES * 2);
  let nodes = 1;
  let code = 0;
  for (let length = 5; length <= 30; length++) {
    code <<= 1;
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (LENGTHS[symbol] !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const edge = node * 2 + ((code >>> bit) & 1);
        if (tree[edge] === 0) tree[edge] = nodes++;
        node = tree[edge]!;
      }
      tree[node * 2 + (code & 1)] = -1 - symbol;
      code++;
    }
  }
  return tree;
}

function buildTable(): Table {
  const tree = buildTree();
  const next = new Uint16Array(INNER_NODES * 16);
  const symbol = new Uint16Array(INNER_NODES * 16).fill(NO_SYMBOL);
  for (let entry = 0; entry < INNER_NODES * 16; entry++) {
    let node = entry >>> 4;
    for (let bit = 3; bit >= 0 && node !== FAILED; bit--) {
      const child = tree[node * 2 + ((entry >>> bit) & 1)]!;
      if (child >= 0) node = child;
      else if (child === -1 - EOS) node = FAILED;
      else {
        symbol[entry] = -1 - child;
        node = 0;
      }
    }
    next[entry] = node;
  }
  const mayEnd = new Uint8Array(INNER_NODES);
  for (let node = 0, bits = 0; bits < 8; bits++, node = tree[node * 2 + 1]!) mayEnd[node] = 1;
  return { next, symbol, mayEnd };
}

/** Decodes a Huffman-coded string literal. Throws COMPRESSION_ERROR on EOS or wrong padding. */
export function decodeHuffman(source: Buffer, start: number, end: number): string {
  table ??= buildTable();
  const { next, symbol, mayEnd } = table;
  const out = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = source[at]!;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const entry = state * 16 + ((byte >>> shift) & 0xf);
      if (symbol[entry] !== NO_SYMBOL) out[length++] = symbol[entry]!;
      state = next[entry]!;
      if (state === FAILED) fault(CODE.COMPRESSION_ERROR, 'A Huffman-coded header string contains EOS.');
    }
  }
  if (mayEnd[state] !== 1) {
    fault(CODE.COMPRESSION_ERROR, 'A Huffman-coded header string is padded wrongly.');
  }
  return out.toString('latin1', 0, length);
}
