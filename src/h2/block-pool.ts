/**
 * Large output blocks, used again by whichever connection needs one next: bulk data would otherwise cost a new
 * allocation, cold memory and garbage collection for each turn. Small ones are cheap enough.
 */

export const LARGE_BLOCK_BYTES = 80 * 1024;
/** About 1.3 MB for the whole process; more connections in bulk at once allocate. */
const KEPT = 16;

const free: Buffer[] = [];

export function takeBlock(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(LARGE_BLOCK_BYTES);
}

/** Gives a block back that nobody looks at any more. */
export function giveBlock(block: Buffer): void {
  if (free.length < KEPT) free.push(block);
}

/** Makes the function that gives a block back, once, however often it is called. */
export function giverOf(block: Buffer): () => void {
  let given = false;
  return () => {
    if (given) return;
    given = true;
    giveBlock(block);
  };
}
