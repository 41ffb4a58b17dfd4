import { closeSync, fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { streamError } from '../files/index.js';
import { describeError, EXIT_DONE, EXIT_FAILED } from './io.js';

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;

export interface StandardStreams {
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean };
  /** Waits until all output has been written. @returns the exit code, not EXIT_DONE if some was lost */
  finish(exitCode: number): Promise<number>;
}

/**
 * Standard output and standard error of this process. Either may go away at any time: a reader that ends, a terminal
 * that is closed, a disk that becomes full. Output lost on standard error is ignored; on standard output it is a
 * failure.
 * @param onFailure called once, with a DndError NOT_WRITABLE or DISK_FULL
 */
export function standardStreams(onFailure: (failure: unknown) => void): StandardStreams {
  const terminals = Object.values(DESCRIPTORS).filter(isatty);
  const stdout = isFile(DESCRIPTORS.stdout) ? fileStream(DESCRIPTORS.stdout) : process.stdout;
  const stderr = isFile(DESCRIPTORS.stderr) ? fileStream(DESCRIPTORS.stderr) : process.stderr;
  let failure: unknown;
  stdout.on('error', (error) => {
    if (failure !== undefined) return;
    failure = streamError(error, 'standard output');
    onFailure(failure);
  });
  // Node's own warnings are written to standard error.
  for (const stream of [stderr, process.stderr]) stream.on('error', () => {});
  return {
    stdout,
    stderr,
    async finish(exitCode) {
      const interrupted = failure !== undefined && exitCode !== EXIT_DONE;
      await new Promise((done) => stdout.write('', done));
      // An interrupted command has printed why.
      if (failure !== undefined && !interrupted) stderr.write(`error: ${describeError(failure).message}\n`);
      // On exit Node resets terminals and aborts if one is gone; it skips closed streams.
      for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
      return failure === undefined || exitCode !== EXIT_DONE ? exitCode : EXIT_FAILED;
    },
  };
}

/** Neither terminal, pipe nor socket. */
function isFile(descriptor: number): boolean {
  const status = fstatSync(descriptor);
  return !isatty(descriptor) && !status.isFIFO() && !status.isSocket();
}

/** Node's stream for files drops what does not fit on a full disk, and in some versions throws on write. */
function fileStream(descriptor: number): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      try {
        for (let written = 0; written < chunk.length; ) written += writeSync(descriptor, chunk, written);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
