import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { FinetuneOptions } from '../../src/finetuning/index.js';

/** Examples whose answer is the same word to every question: what a tiny random base can learn. */
export function examples(answer: string, count = 6): { prompt: string; response: string }[] {
  return Array.from({ length: count }, (_, index) => ({ prompt: `Word ${index}?`, response: answer }));
}

export const ANSWERS = { animals: 'a cat', plants: 'a red rose', stones: 'jade' };

/** Writes `<folder>/<task>/train.json` for every task. */
export async function writeTasks(folder: string, answers: Record<string, string> = ANSWERS): Promise<string> {
  for (const [name, answer] of Object.entries(answers)) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'train.json'), JSON.stringify(examples(answer)));
  }
  return folder;
}

/** A run that takes well below a second. */
export const TINY_RUN = {
  rank: 2,
  alpha: 4,
  steps: 4,
  checkpoints: 3,
  batch: 3,
  learningRate: 0.01,
  seed: 7,
  threads: 1,
} satisfies Partial<FinetuneOptions>;

/** Every file of a folder, hidden ones included, by its path. */
export async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((path) => readFile(path)));
  return new Map(files.map((path, index) => [relative(folder, path), contents[index]!] as const).sort());
}
