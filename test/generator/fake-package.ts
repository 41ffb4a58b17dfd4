import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The pocket generator, which is trained, and in any clone. */
export const POCKET = join(__dirname, '..', '..', 'pocket');
export const PACKAGE_NAME = '@dnd-lora/smollm2-135m';

interface Contents {
  name?: string;
  /** The field "dnd-lora" of its package.json; null: there is none. */
  field?: unknown;
  /** Files of the package beside package.json, as JSON. */
  files?: Record<string, unknown>;
  /** Folders of generators by their names in the package. */
  generators?: Record<string, string>;
}

/**
 * Installs a package of generators for what runs in `folder`, which are links to others' folders.
 * @returns the package's folder
 */
export async function installPackage(folder: string, contents: Contents = {}): Promise<string> {
  const { name = PACKAGE_NAME, files = {}, generators = { 'house-styles': join(POCKET, 'generator') } } = contents;
  const {
    field = {
      generators: Object.fromEntries(Object.keys(generators).map((one) => [one, one])),
      default: Object.keys(generators)[0],
    },
  } = contents;
  const place = join(folder, 'node_modules', name);
  await mkdir(place, { recursive: true });
  const description = { name, version: '0.1.0', ...(field === null ? {} : { 'dnd-lora': field }) };
  for (const [file, content] of Object.entries({ 'package.json': description, ...files }))
    await writeFile(join(place, file), JSON.stringify(content));
  for (const [one, target] of Object.entries(generators)) await symlink(target, join(place, one), 'junction');
  return place;
}

/**
 * Works in another folder until the test ends. Call it before `useTemporaryFolder`, since some systems do not remove the
 * folder that a process works in.
 */
export function useWorkingFolder(): (folder: string) => void {
  const before = process.cwd();
  afterEach(() => process.chdir(before));
  return (folder) => process.chdir(folder);
}
