import { Readable, Writable } from 'node:stream';
import { run } from '../../src/cli/run.js';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

interface Setting {
  stdin?: string | Uint8Array;
  signal?: AbortSignal;
  /** Whether standard error is a terminal. */
  terminal?: boolean;
}

class Collector extends Writable {
  text = '';
  isTTY?: boolean;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs one command as `dnd` does, within this process. */
export async function dnd(argv: readonly (string | number)[], setting: Setting = {}): Promise<Outcome> {
  const stdout = new Collector();
  const stderr = new Collector();
  if (setting.terminal) stderr.isTTY = true;
  const stdin = Readable.from(setting.stdin === undefined ? [] : [Buffer.from(setting.stdin)]);
  const signal = setting.signal ?? new AbortController().signal;
  const code = await run(argv.map(String), { stdin, stdout, stderr, signal });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** As `dnd`, with --json, and with what was printed on standard output parsed. */
export async function dndJson<T>(
  argv: readonly (string | number)[],
  setting: Setting = {},
): Promise<Outcome & { result: T }> {
  const outcome = await dnd([...argv, '--json'], setting);
  return { ...outcome, result: JSON.parse(outcome.stdout) as T };
}
