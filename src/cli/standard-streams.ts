import { closeSync, fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { streamError } from '../files/index.js';
import { describeError, EXIT_DONE, EXIT_FAILED } from './io.js';

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const;

export interface StandardStreams {
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean };
  /** Waits until all output has been written. @returns the exit code, which is not EXIT_DONE if some was lost */
  finish(exitCode: number): Promise<number>;
}

/**
 * Standard output and standard error of this process. Either may go away at any time: a reader that ends, a terminal that
 * is closed, a disk that becomes full. Nobody misses what standard error cannot take; of standard output that is a failure.
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
  // Node's own warnings go to the second of them.
  for (const stream of [stderr, process.stderr]) stream.on('error', () => {});
  return {
    stdout,
    stderr,
    async finish(exitCode) {
      const interrupted = failure !== undefined && exitCode !== EXIT_DONE;
      await new Promise((done) => stdout.write('', done));
      // An interrupted command has printed why.
      if (failure !== undefined && !interrupted) stderr.write(`error: ${describeError(failure).message}\n`);
      // At its end Node resets terminals, and aborts where one has gone; what is closed it leaves alone.
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

/** Node's own stream for files drops what a full disk did not take, and in some versions throws where it is written to. */
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
