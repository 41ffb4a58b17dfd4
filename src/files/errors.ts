import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatBytes } from '../byte-counts.js';
import { DndError, type ErrorCode } from '../errors.js';

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EBUSY: 'it is in use',
  EEXIST: 'a file with that name exists',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the device reported an error',
  EISDIR: 'it is a folder',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'this process has too many files open',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'a parent folder does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a component of the path is not a folder',
  EPERM: 'the operation is not permitted',
  EPIPE: 'its reader has ended',
  EROFS: 'the file system is read-only',
  EXDEV: 'it is on another file system',
};

/** Whether `error` came from the operating system through `node:fs`. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error;
}

function reasonOf(error: NodeJS.ErrnoException & { code: string }): string {
  return REASONS[error.code] ?? error.message;
}

/** A failure of `node:fs` while reading `path`, as FILE_NOT_FOUND or READ_FAILED; any other error unchanged. */
export function readError(error: unknown, path: string): unknown {
  if (isFileError(error)) {
    if (error.code === 'ENOENT') {
      return new DndError('FILE_NOT_FOUND', `${path} does not exist; check the path`, { cause: error });
    }
    return new DndError('READ_FAILED', `${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if (error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_FS_FILE_TOO_LARGE') {
    return new DndError('READ_FAILED', `${path} cannot be read: it is too large to be read into one string`, {
      cause: error,
    });
  }
  return error;
}

/**
 * A failure of `node:fs` while writing `path`, as DISK_FULL or NOT_WRITABLE; any other error unchanged.
 * @param neededBytes the number of bytes to be written, if known
 */
export function writeError(error: unknown, path: string, neededBytes?: number): unknown {
  const noSpace = isFileError(error) && error.code === 'ENOSPC';
  return streamError(error, path, noSpace ? describeSpace(path, neededBytes) : '');
}

/** As `writeError`, for a stream whose file is unknown. */
export function streamError(error: unknown, name: string, space = ''): unknown {
  if (!isFileError(error)) return error;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  const code: ErrorCode = full ? 'DISK_FULL' : 'NOT_WRITABLE';
  const fix = full ? '; free some space there or write somewhere else' : '';
  return new DndError(code, `${name} cannot be written: ${reasonOf(error)}${space}${fix}`, { cause: error });
}

function describeSpace(path: string, neededBytes: number | undefined): string {
  const needed = neededBytes === undefined ? [] : [`${formatBytes(neededBytes)} needed`];
  const free = freeBytes(resolve(path));
  const known = free === undefined ? needed : [...needed, `${formatBytes(free)} free`];
  return known.length > 0 ? ` (${known.join(', ')})` : '';
}

/** Of the file system that `path` is or would be on. */
function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return dirname(path) === path ? undefined : freeBytes(dirname(path));
  }
}
