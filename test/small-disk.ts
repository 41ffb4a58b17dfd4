import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limitWrites } from './limit-writes.js';

export interface SmallDisk {
  folder: string;
  /** A file system of its own, for other processes, too. */
  mounted: boolean;
  unmount(): void;
}

/**
 * A folder for tests of a full or read-only disk: a file system of its own in memory where mounting is permitted, and
 * elsewhere a plain folder in which `node:fs/promises` fails as it would there.
 * @param options as `mount -t tmpfs` takes them, sizes in k or m: size=256k or size=64k,ro
 */
export function mountSmallDisk(options: string): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-disk-'));
  if (process.env.DND_TEST_NO_MOUNT === undefined && process.platform === 'linux' && process.getuid?.() === 0) {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
      return {
        folder,
        mounted: true,
        unmount() {
          execFileSync('umount', [folder], { stdio: 'ignore' });
          rmSync(folder, { recursive: true });
        },
      };
    } catch {
      // a container without the right to mount
    }
  }
  const [, size, unit] = /size=(\d+)([km])/.exec(options)!;
  const limit = options.endsWith(',ro') ? 'read-only' : Number(size) * (unit === 'k' ? 2 ** 10 : 2 ** 20);
  const restore = limitWrites(folder, limit);
  return {
    folder,
    mounted: false,
    unmount() {
      restore();
      rmSync(folder, { recursive: true });
    },
  };
}
