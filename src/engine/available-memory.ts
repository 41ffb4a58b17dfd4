import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';

/**
 * Bytes that this process can still take without swapping or being killed: the kernel's MemAvailable, or the rest of
 * the control group's limit (version 1 or 2, or of an ancestor) if that is less. Cached file pages that the kernel
 * would drop count as free in both.
 *
 * @param root where `/proc` and `/sys` are mounted
 */
export function availableMemoryBytes(root = '/'): number {
  const machine = machineAvailableBytes(root) ?? freemem();
  return Math.max(0, Math.min(machine, ...controlGroupAvailableBytes(root)));
}

function machineAvailableBytes(root: string): number | undefined {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(read(join(root, 'proc/meminfo')))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

interface ControlGroupFiles {
  limit: string;
  usage: string;
  droppable: RegExp;
}

const VERSION_1: ControlGroupFiles = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  droppable: /^total_inactive_file (\d+)$/m,
};
const VERSION_2: ControlGroupFiles = {
  limit: 'memory.max',
  usage: 'memory.current',
  droppable: /^inactive_file (\d+)$/m,
};

/** The rest of each limit on this process's groups, from its own up to the root. */
function controlGroupAvailableBytes(root: string): number[] {
  const available: number[] = [];
  for (const line of read(join(root, 'proc/self/cgroup')).split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const version2 = controllers === '';
    if (!version2 && !controllers.split(',').includes('memory')) continue;
    const mount = join(root, version2 ? 'sys/fs/cgroup' : 'sys/fs/cgroup/memory');
    // Inside a container the path may be that of the host while the mount is the container's own: its root then counts.
    for (let depth = path.split('/').filter(Boolean); ; depth = depth.slice(0, -1)) {
      const left = groupAvailableBytes(join(mount, ...depth), version2 ? VERSION_2 : VERSION_1);
      if (left !== undefined) available.push(left);
      if (depth.length === 0) break;
    }
  }
  return available;
}

function groupAvailableBytes(folder: string, files: ControlGroupFiles): number | undefined {
  const limit = Number.parseInt(read(join(folder, files.limit)), 10); // "max" where there is none
  const usage = Number.parseInt(read(join(folder, files.usage)), 10);
  if (!Number.isFinite(limit) || !Number.isFinite(usage)) return undefined;
  const droppable = Number(files.droppable.exec(read(join(folder, 'memory.stat')))?.[1] ?? 0);
  return limit - usage + droppable;
}

/** A small kernel file; '' if there is none. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
