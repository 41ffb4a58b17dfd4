import { type FolderOptions, writeFolderAtomically } from '../files/index.js';

/**
 * Writes several folders of which either all appear or, when `fill` fails, none; see `writeFolderAtomically`.
 * @param fill gets a staging folder for each path, in their order
 */
export async function writeFoldersTogether(
  paths: readonly string[],
  options: FolderOptions,
  fill: (stagingFolders: string[]) => Promise<void>,
): Promise<void> {
  const stage = async (stagingFolders: string[]): Promise<void> => {
    const path = paths[stagingFolders.length];
    if (path === undefined) return fill(stagingFolders);
    await writeFolderAtomically(path, options, (folder) => stage([...stagingFolders, folder]));
  };
  await stage([]);
}
