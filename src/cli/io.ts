import type { Readable, Writable } from 'node:stream';
import { DndError } from '../errors.js';

/** What a command may touch of the process it runs in. */
export interface Io {
  stdin: Readable;
  stdout: Writable;
  /** `isTTY` where it is a terminal. */
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C; the reason's cause is then the signal's name. */
  signal: AbortSignal;
}

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_WRONG_USAGE = 2;
/** 128 + SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;
/** 128 + SIGTERM, of commands whose work can be gone on with. */
export const EXIT_TERMINATED = 143;

/** Prints a command's result: JSON and nothing else, or lines for people. */
export function print(io: Io, json: boolean | undefined, result: unknown, lines: () => string[]): void {
  io.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${lines().join('\n')}\n`);
}

/** Errors of our own say all there is to say; for any other the stack is wanted. */
export function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof DndError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
