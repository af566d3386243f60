import {
  close,
  constants,
  fdatasync,
  fsync,
  ftruncate,
  open,
  unlink,
  write,
  writeSync,
  writev,
} from 'node:fs';
import { promisify } from 'node:util';

/**
 * The calls by which the journal writes, so that a test can let one fail. With `sync` a write has reached the
 * disk when it calls back: by O_DSYNC, which is one call where write and fdatasync are two, or by both of
 * them on systems without it.
 */
export interface Disk {
  /** Creates a file that must not exist (0600). */
  create(path: string, sync: boolean): Promise<number>;
  /** Writes `length` bytes of `buffer`, and `after` behind them. May write less and say so. */
  write(
    fd: number,
    buffer: Buffer,
    length: number,
    after: Buffer | undefined,
    position: number,
    done: (error: Error | null, written: number) => void,
  ): void;
  /** Into the kernel only, at once. May write less. */
  writeNow(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  sync(fd: number, done: (error: Error | null) => void): void;
  truncate(fd: number, length: number): Promise<void>;
  close(fd: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(folder: string): Promise<void>;
}

const openFile = promisify(open);
const closeFile = promisify(close);
const FILE_MODE = 0o600;
const O_DSYNC = process.platform === 'linux' ? constants.O_DSYNC : 0;

export const realDisk: Disk = {
  create: (path, sync) =>
    openFile(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (sync ? O_DSYNC : 0),
      FILE_MODE,
    ),
  write: (fd, buffer, length, after, position, done) => {
    const written =
      O_DSYNC !== 0
        ? done
        : (error: Error | null, count: number) =>
            error === null ? fdatasync(fd, (syncError) => done(syncError, count)) : done(error, count);
    if (after === undefined) write(fd, buffer, 0, length, position, written);
    else writev(fd, [buffer.subarray(0, length), after], position, written);
  },
  writeNow: (fd, buffer, offset, length, position) => writeSync(fd, buffer, offset, length, position),
  sync: (fd, done) => fdatasync(fd, done),
  truncate: async (fd, length) => {
    await promisify(ftruncate)(fd, length);
    await promisify(fsync)(fd);
  },
  close: (fd) => closeFile(fd),
  remove: (path) => promisify(unlink)(path),
  syncFolder: async (folder) => {
    if (process.platform === 'win32') return;
    const fd = await openFile(folder, constants.O_RDONLY);
    try {
      await promisify(fsync)(fd);
    } finally {
      await closeFile(fd);
    }
  },
};
