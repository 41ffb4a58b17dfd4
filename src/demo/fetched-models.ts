import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, posix } from 'node:path';

/**
 * The copy of a model that scripts/fetch-models.sh made in its cache, by the same environment variables: its folder, or the
 * GGUF file in it. Undefined: there is none.
 * @param repository of the Hugging Face Hub
 */
export async function fetchedModel(
  repository: string,
  { DND_CACHE, XDG_CACHE_HOME, HOME }: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<string | undefined> {
  const cache = DND_CACHE || join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'dnd-lora');
  const folder = join(cache, posix.basename(repository));
  const names = await readdir(folder).catch((): string[] => []);
  const gguf = names.filter((name) => name.endsWith('.gguf')).sort()[0];
  if (gguf !== undefined) return join(folder, gguf);
  return names.includes('config.json') ? folder : undefined;
}
