import { type Disk, realDisk } from '../../../src/gateway/journal/disk.ts';

/** The real disk until a test says otherwise. */
export interface FaultyDisk extends Disk {
  /** Code of the error that each of these calls gives; nothing: it works. */
  readonly failing: Map<keyof Disk, string>;
  /** Bytes that a write takes at most. */
  maxWriteBytes: number;
  /** Calls of `write` and `writeNow` that came. */
  writes: number;
  /** Holds writes back until `let`. */
  hold(): void;
  let(): void;
}

export function faultyDisk(): FaultyDisk {
  const failing = new Map<keyof Disk, string>();
  const held: (() => void)[] = [];
  let isHolding = false;
  const errorOf = (call: keyof Disk): Error | undefined => {
    const code = failing.get(call);
    return code === undefined ? undefined : Object.assign(new Error(`${code}: ${call}`), { code });
  };
  const check = (call: keyof Disk): void => {
    const error = errorOf(call);
    if (error !== undefined) throw error;
  };
  const disk: FaultyDisk = {
    failing,
    maxWriteBytes: Number.POSITIVE_INFINITY,
    writes: 0,
    hold: () => {
      isHolding = true;
    },
    let: () => {
      isHolding = false;
      for (const go of held.splice(0)) go();
    },
    create: async (path, sync) => {
      check('create');
      return realDisk.create(path, sync);
    },
    write: (fd, buffer, length, after, position, done) => {
      disk.writes++;
      const go = (): void => {
        const error = errorOf('write');
        const count = Math.min(length, disk.maxWriteBytes);
        const rest = count < length ? undefined : after;
        // A failing write may have written a part before.
        if (error === undefined) realDisk.write(fd, buffer, count, rest, position, done);
        else realDisk.write(fd, buffer, length >> 1, undefined, position, () => done(error, 0));
      };
      if (isHolding) held.push(go);
      else go();
    },
    writeNow: (fd, buffer, offset, length, position) => {
      disk.writes++;
      if (failing.has('writeNow')) realDisk.writeNow(fd, buffer, offset, length >> 1, position);
      check('writeNow');
      return realDisk.writeNow(fd, buffer, offset, Math.min(length, disk.maxWriteBytes), position);
    },
    sync: (fd, done) => {
      const error = errorOf('sync');
      if (error === undefined) realDisk.sync(fd, done);
      else setImmediate(() => done(error));
    },
    truncate: async (fd, length) => {
      check('truncate');
      return realDisk.truncate(fd, length);
    },
    close: (fd) => realDisk.close(fd),
    remove: async (path) => {
      check('remove');
      return realDisk.remove(path);
    },
    syncFolder: async (folder) => {
      check('syncFolder');
      return realDisk.syncFolder(folder);
    },
  };
  return disk;
}
