import { DndError, type ErrorCode } from '../errors.js';

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EBUSY: 'it is in use',
  EEXIST: 'a file is in the way',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the device reported an error',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links go in a circle',
  EMFILE: 'this process has too many files open',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'a folder on the way to it does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'the operation is not permitted',
  EPIPE: 'its reader has ended',
  EROFS: 'the file system is read-only',
  EXDEV: 'it is on another file system',
};

/** Whether `error` came from the operating system by way of `node:fs`. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error;
}

function reasonOf(error: NodeJS.ErrnoException & { code: string }): string {
  return REASONS[error.code] ?? error.message;
}

/** A failure of `node:fs` while reading `path`, as FILE_NOT_FOUND or READ_FAILED; any other error as it is. */
export function readError(error: unknown, path: string): unknown {
  if (isFileError(error)) {
    if (error.code === 'ENOENT') {
      return new DndError('FILE_NOT_FOUND', `${path} does not exist; check the path`, { cause: error });
    }
    return new DndError('READ_FAILED', `${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if (error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_FS_FILE_TOO_LARGE') {
    return new DndError('READ_FAILED', `${path} cannot be read: it is too large to be read as one text`, {
      cause: error,
    });
  }
  return error;
}

/** A failure of `node:fs` while writing `path`, as DISK_FULL or NOT_WRITABLE; any other error as it is. */
export function writeError(error: unknown, path: string): unknown {
  if (!isFileError(error)) return error;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  const code: ErrorCode = full ? 'DISK_FULL' : 'NOT_WRITABLE';
  const fix = full ? '; free some space there or write somewhere else' : '';
  return new DndError(code, `${path} cannot be written: ${reasonOf(error)}${fix}`, { cause: error });
}
