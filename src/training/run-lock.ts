import { readFileSync, writeFileSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { isFileError, isRunning, partialName, startOf, writeError } from '../files/index.js';

const LOCK_FILE = '.lock';
/** Another process may remove a stale lock, or take the lock, between two checks. */
const ATTEMPTS = 10;

/** The owner of a run. A killed process leaves its lock, but no other process has its id and start time. */
interface Owner {
  host: string;
  pid: number;
  /** Start time of the process; null if unknown. */
  began: string | null;
}

/** Exclusive access of one process to a run folder. */
export class RunLock {
  private constructor(
    readonly path: string,
    readonly content: string,
  ) {}

  /** @throws DndError RUN_IN_USE; NOT_WRITABLE, DISK_FULL */
  static async take(folder: string): Promise<RunLock> {
    const path = join(folder, LOCK_FILE);
    const own: Owner = { host: hostname(), pid: process.pid, began: startOf(process.pid) ?? null };
    const content = JSON.stringify(own);
    // The lock appears atomically with its content.
    const prepared = partialName(path);
    try {
      writeFileSync(prepared, content, { flag: 'wx' });
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (await linked(prepared, path)) return new RunLock(path, content);
        await removeStale(path, folder);
      }
      throw new DndError('RUN_IN_USE', `${folder} is being locked by another process. Try again`);
    } catch (error) {
      throw writeError(error, path);
    } finally {
      await rm(prepared, { force: true }).catch(() => {});
    }
  }

  async release(): Promise<void> {
    if (contentOf(this.path) === this.content) await rm(this.path, { force: true }).catch(() => {});
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isFileError(error) && error.code === 'EEXIST') return false;
    // File systems without hard links.
    if (isFileError(error) && ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(error.code))
      return copied(from, to);
    throw error;
  }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    writeFileSync(to, readFileSync(from), { flag: 'wx' });
    return true;
  } catch (error) {
    if (isFileError(error) && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** @throws DndError RUN_IN_USE if the owner is running, or may be */
async function removeStale(path: string, folder: string): Promise<void> {
  const content = contentOf(path);
  if (content === undefined) return;
  const owner = parse(content);
  if (owner && owner.host !== hostname())
    throw new DndError(
      'RUN_IN_USE',
      `${folder} is in use by process ${owner.pid} on ${owner.host}. If that process is gone, remove ${path}`,
    );
  if (owner && isRunning(owner.pid, owner.began ?? ''))
    throw new DndError('RUN_IN_USE', `${folder} is in use by process ${owner.pid}. Wait for it, or stop it`);
  // Renamed and checked, since another process may have replaced it meanwhile.
  const removed = partialName(path, 'removed');
  await rename(path, removed).catch(() => {});
  const found = contentOf(removed);
  if (found !== undefined && found !== content) await link(removed, path).catch(() => {});
  await rm(removed, { force: true });
}

function parse(content: string): Owner | undefined {
  try {
    const { host, pid, began } = JSON.parse(content);
    return typeof host === 'string' && Number.isSafeInteger(pid) && pid > 0 ? { host, pid, began } : undefined;
  } catch {
    return undefined;
  }
}
