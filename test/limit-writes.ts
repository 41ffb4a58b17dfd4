import { readdirSync, statSync } from 'node:fs';
import fs from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';

const PAGE_BYTES = 4096;

type Call = (...values: unknown[]) => Promise<unknown>;
type Calls = Record<string, Call>;

/**
 * Until the function returned is called, `node:fs/promises` treats `folder` as a file system of that many bytes, or as a
 * read-only one: whatever would need more room fails with ENOSPC, and a write that fits in part writes that part.
 */
export function limitWrites(folder: string, limit: number | 'read-only'): () => void {
  const calls = fs as unknown as Calls;
  const replaced: Calls = {};
  const inside = (path: unknown) => typeof path === 'string' && resolve(path).startsWith(folder + sep);
  const room = () => (limit === 'read-only' ? 0 : limit - bytesIn(folder));

  /** Replaces a function where `changes` says that this call of it writes in the folder. */
  function replace(name: string, changes: (...values: unknown[]) => boolean, instead: (original: Call) => Call): void {
    const original = calls[name]!;
    replaced[name] = original;
    const changed = instead(original);
    calls[name] = (...values) => (changes(...values) ? changed(...values) : original(...values));
  }

  if (limit === 'read-only') {
    const refuse = (name: string) => async (path: unknown) => {
      throw systemError('EROFS', 'read-only file system', name, path);
    };
    for (const name of ['mkdir', 'rm', 'rmdir', 'unlink', 'writeFile', 'appendFile', 'truncate']) {
      replace(name, inside, () => refuse(name));
    }
    for (const name of ['rename', 'link', 'symlink', 'copyFile']) {
      replace(
        name,
        (_from, to) => inside(to),
        () => refuse(name),
      );
    }
    replace(
      'open',
      (path, flags = 'r') => inside(path) && flags !== 'r',
      () => refuse('open'),
    );
  } else {
    replace('open', inside, (open) => async (...values) => {
      const handle = (await open(...values)) as fs.FileHandle;
      const write = handle.write.bind(handle) as unknown as Call;
      const limited: Call = async (data, offset = 0, length = undefined, position = null) => {
        const bytes = data as Uint8Array;
        const wanted = (length as number | undefined) ?? bytes.byteLength - (offset as number);
        const fits = Math.min(wanted, room());
        if (fits <= 0 && wanted > 0) throw systemError('ENOSPC', 'no space left on device', 'write', values[0]);
        return write(bytes, offset, fits, position);
      };
      return Object.assign(handle, { write: limited });
    });
    replace('writeFile', inside, () => async (path, data, options = {}) => {
      const { flag = 'w' } = options as { flag?: string };
      const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
      const handle = await fs.open(path as string, flag);
      try {
        for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
      } finally {
        await handle.close();
      }
    });
    replace(
      'copyFile',
      (_from, to) => inside(to),
      (copyFile) =>
        async (from, to, ...rest) => {
          const { size } = await fs.stat(from as string);
          if (size > room()) throw systemError('ENOSPC', 'no space left on device', 'copyfile', to);
          return copyFile(from, to, ...rest);
        },
    );
  }
  return () => Object.assign(calls, replaced);
}

function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    // It may have gone since it was listed.
    const status = statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false });
    bytes += Math.ceil((status?.size ?? 0) / PAGE_BYTES) * PAGE_BYTES;
  }
  return bytes;
}

function systemError(code: string, reason: string, syscall: string, path: unknown): Error {
  const message = `${code}: ${reason}, ${syscall} '${dirname(String(path))}'`;
  return Object.assign(new Error(message), { code, syscall, path });
}
