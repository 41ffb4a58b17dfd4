import { copyFile, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isFileError, kindOf, partialName, readError, writeError } from '../files/index.js';
import type { HubReference } from './reference.js';
import type { ListedFile } from './selection.js';

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A repository in the cache: `blobs/` has the files by their checksums, `snapshots/<commit>/` their names as links, and
 * `refs/<revision>` the commit that a branch or tag was at last time.
 */
export class CachedRepository {
  readonly folder: string;

  constructor(
    cacheFolder: string,
    readonly reference: HubReference,
  ) {
    this.folder = join(cacheFolder, `models--${reference.id.replaceAll('/', '--')}`);
  }

  get blobs(): string {
    return join(this.folder, 'blobs');
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** The commit of the reference's revision when it was last asked for; undefined: never. */
  async knownCommit(): Promise<string | undefined> {
    const { revision } = this.reference;
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '');
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  /** The files of a snapshot whose contents are there; of one that is not there, none. */
  async filesOf(commit: string): Promise<ListedFile[]> {
    const folder = this.snapshot(commit);
    const files: ListedFile[] = [];
    const inside = [''];
    for (let place = inside.pop(); place !== undefined; place = inside.pop()) {
      const names = await readdir(join(folder, place)).catch((error) => {
        if (isFileError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
        throw readError(error, join(folder, place));
      });
      for (const name of names) {
        // Not read: folders that are links may lead in circles, and partial files are hidden.
        if (name.startsWith('.')) continue;
        const path = place === '' ? name : `${place}/${name}`;
        if ((await lstat(join(folder, path)).catch(() => undefined))?.isDirectory()) inside.push(path);
        const status = await stat(join(folder, path)).catch(() => undefined);
        if (status?.isFile()) files.push({ path, bytes: status.size });
      }
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** @throws DndError NOT_WRITABLE, DISK_FULL */
  async rememberCommit(commit: string): Promise<void> {
    const { revision } = this.reference;
    if (COMMIT.test(revision)) return;
    await placeAtomically(join(this.folder, 'refs', revision), (path) => writeFile(path, commit));
  }

  /**
   * Gives a file of the snapshot its name: a link to the blob, or a copy where the file system has no links.
   * @throws DndError NOT_WRITABLE, DISK_FULL, READ_FAILED
   */
  async link(commit: string, path: string, blob: string): Promise<void> {
    const name = join(this.snapshot(commit), path);
    if ((await kindOf(name)) === 'file') return;
    await placeAtomically(name, async (partial) => {
      try {
        await symlink(relative(dirname(partial), blob), partial);
      } catch {
        await copyFile(blob, partial);
      }
    });
  }
}

/** @throws DndError NOT_WRITABLE, DISK_FULL */
async function placeAtomically(path: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = partialName(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw writeError(error, path);
  }
}
