import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Node options with which a process or a worker runs the TypeScript sources. */
export const TYPESCRIPT = ['--require', join(__dirname, 'typescript.cjs')];

export interface ChildResult {
  code: number | string;
  stdout: string;
  stderr: string;
}

/** Runs test/engine/programs/<name>.ts in a Node of its own, to its end. */
export async function runProgram(
  name: string,
  options: { nodeOptions?: string[]; environment?: Record<string, string> } = {},
): Promise<ChildResult> {
  const program = join(__dirname, 'programs', `${name}.ts`);
  const parameters = [...TYPESCRIPT, ...(options.nodeOptions ?? []), program];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, parameters, {
      env: { ...process.env, ...options.environment },
      maxBuffer: 1 << 26,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, signal, stdout, stderr } = error as {
      code?: number;
      signal?: string;
      stdout: string;
      stderr: string;
    };
    return { code: code ?? signal ?? 'unknown', stdout, stderr };
  }
}

/** Like `runProgram`, for programs that end well and print one JSON value. */
export async function resultOf<T>(name: string, options?: Parameters<typeof runProgram>[1]): Promise<T> {
  const { code, stdout, stderr } = await runProgram(name, options);
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout) as T;
}
