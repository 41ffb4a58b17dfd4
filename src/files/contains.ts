import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { DndError } from '../errors.js';

/** Whether `inner` is `folder` or inside it; both absolute, without symbolic links. */
export function contains(folder: string, inner: string): boolean {
  const way = relative(folder, inner);
  return way === '' || !(way === '..' || way.startsWith('../') || way.startsWith('..\\') || resolve(way) === way);
}

/**
 * Checks that writing a file or folder cannot replace what it is made from, even by force.
 * @param inputs files or folders
 * @throws DndError INVALID_ARGUMENT when `output` is an input or contains one
 */
export async function refuseInputAsOutput(output: string, inputs: readonly string[]): Promise<void> {
  const target = await realPathOf(output);
  for (const input of inputs) {
    if (!contains(target, await realPathOf(input))) continue;
    const how = target === (await realPathOf(input)) ? sameAs(input, output) : `contains ${input}, which is read`;
    throw new DndError('INVALID_ARGUMENT', `${output} ${how}. Choose another output`);
  }
}

function sameAs(input: string, output: string): string {
  return input === output ? 'is the input itself' : `is ${input}, which is read`;
}

/** With links followed as far as the path exists. */
async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  return realpath(absolute).catch(async () => {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await realPathOf(parent), basename(absolute));
  });
}
