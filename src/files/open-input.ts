import { constants, createReadStream, open } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { promisify } from 'node:util';

/**
 * A stream of a file's bytes that can be destroyed at any time. Node's own stream blocks a thread without a writer:
 * when opening a named pipe or reading from a terminal.
 */
export async function openInput(path: string): Promise<Readable> {
  const status = await stat(path);
  if (!status.isFIFO() && !status.isCharacterDevice()) return createReadStream(path);
  const descriptor = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  if (status.isFIFO()) return new Socket({ fd: descriptor, readable: true, writable: false });
  return isatty(descriptor) ? new ReadStream(descriptor) : createReadStream(path, { fd: descriptor });
}
