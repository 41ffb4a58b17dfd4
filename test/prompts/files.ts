import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPromptSet } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

/** Prompt files of a test's own folder. */
export function usePromptFiles(): {
  folder: () => string;
  file: (name: string, content: string | Uint8Array) => Promise<string>;
  read: (name: string, content: string | Uint8Array) => Promise<string[]>;
} {
  const folder = useTemporaryFolder();
  const file = async (name: string, content: string | Uint8Array) => {
    const path = join(folder(), name);
    await writeFile(path, content);
    return path;
  };
  return { folder, file, read: async (name, content) => readPromptSet(await file(name, content)) };
}
