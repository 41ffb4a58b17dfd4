import type { Readable, Writable } from 'node:stream';
import { DndError } from '../errors.js';

/** The parts of the process that a command may use. */
export interface Io {
  stdin: Readable;
  stdout: Writable;
  /** `isTTY` is set for a terminal. */
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C, whose reason's cause is the signal's name, and when standard output cannot be written. */
  signal: AbortSignal;
}

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_WRONG_USAGE = 2;
/** 128 + SIGINT, the shell convention. */
export const EXIT_INTERRUPTED = 130;
/** 128 + SIGTERM, of commands whose work can be resumed. */
export const EXIT_TERMINATED = 143;

/**
 * The exit code of a command that was interrupted by a signal, or by a failure of its standard output.
 * @param terminated exit code of SIGTERM and SIGHUP
 */
export function interruptedExit({ signal }: Io, terminated = EXIT_INTERRUPTED): number {
  if (outputFailed(signal)) return EXIT_FAILED;
  const { cause } = new Object(signal.reason) as { cause?: unknown };
  return cause === 'SIGTERM' || cause === 'SIGHUP' ? terminated : EXIT_INTERRUPTED;
}

function outputFailed({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof DndError && reason.code !== 'ABORTED';
}

/** Prints a failure as text or, since it may follow other JSON lines, as one line of JSON. */
export function printFailure(
  { stdout, stderr, signal }: Io,
  json: boolean | undefined,
  result: object,
  lines: readonly string[],
): void {
  if (json) stdout.write(`${JSON.stringify(result)}\n`);
  if (!json || outputFailed(signal)) stderr.write(`${lines.join('\n')}\n`);
}

/** Prints a command's result: only JSON, or lines of text. */
export function print(io: Io, json: boolean | undefined, result: unknown, lines: () => string[]): void {
  io.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${lines().join('\n')}\n`);
}

/** A DndError's message is complete; for any other error the stack is needed. */
export function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof DndError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
