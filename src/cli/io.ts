import type { Readable, Writable } from 'node:stream';
import { DndError } from '../errors.js';

/** What a command may touch of the process it runs in. */
export interface Io {
  stdin: Readable;
  stdout: Writable;
  /** `isTTY` where it is a terminal. */
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C, whose reason's cause is the signal's name, and when standard output cannot be written. */
  signal: AbortSignal;
}

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_WRONG_USAGE = 2;
/** 128 + SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;
/** 128 + SIGTERM, of commands whose work can be gone on with. */
export const EXIT_TERMINATED = 143;

/**
 * Of a command that was interrupted: by a signal of the process, or, which is a failure, by its standard output.
 * @param terminated of SIGTERM, and of SIGHUP, which counts as that
 */
export function interruptedExit({ signal }: Io, terminated = EXIT_INTERRUPTED): number {
  if (outputFailed(signal)) return EXIT_FAILED;
  const { cause } = new Object(signal.reason) as { cause?: unknown };
  return cause === 'SIGTERM' || cause === 'SIGHUP' ? terminated : EXIT_INTERRUPTED;
}

function outputFailed({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof DndError && reason.code !== 'ABORTED';
}

/** Writes what went wrong as one line of JSON, since it may be the last of many, or for people. */
export function printFailure(
  { stdout, stderr, signal }: Io,
  json: boolean | undefined,
  result: object,
  lines: readonly string[],
): void {
  if (json) stdout.write(`${JSON.stringify(result)}\n`);
  if (!json || outputFailed(signal)) stderr.write(`${lines.join('\n')}\n`);
}

/** Prints a command's result: JSON and nothing else, or lines for people. */
export function print(io: Io, json: boolean | undefined, result: unknown, lines: () => string[]): void {
  io.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${lines().join('\n')}\n`);
}

/** Errors of our own say all there is to say; for any other the stack is wanted. */
export function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof DndError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
