import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { availableMemoryBytes } from '../../src/engine/index.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dnd-memory-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function files(contents: Record<string, string>): void {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const MEMINFO = { 'proc/meminfo': 'MemTotal: 24000000 kB\nMemFree: 1000 kB\nMemAvailable:    8000000 kB\n' };
const version2 = (path: string, [max, current, inactive]: [string, number, number]) => ({
  [`sys/fs/cgroup${path}/memory.max`]: `${max}\n`,
  [`sys/fs/cgroup${path}/memory.current`]: `${current}\n`,
  [`sys/fs/cgroup${path}/memory.stat`]: `anon 5\ninactive_file ${inactive}\nactive_file 7\n`,
});

describe('availableMemoryBytes', () => {
  test('is what the kernel calls available where no control group limits it', () => {
    files({ ...MEMINFO, 'proc/self/cgroup': '0::/\n' });
    expect(availableMemoryBytes(root)).toBe(8000000 * 1024);
  });

  test('is what a control group of version 2 leaves, droppable file pages included', () => {
    files({
      ...MEMINFO,
      'proc/self/cgroup': '0::/service\n',
      ...version2('/service', ['2000000000', 1500000000, 300000000]),
    });
    expect(availableMemoryBytes(root)).toBe(800000000);
  });

  test('is what the tightest ancestor leaves', () => {
    files({
      ...MEMINFO,
      'proc/self/cgroup': '0::/a/b/c\n',
      ...version2('/a/b/c', ['max', 100, 0]),
      ...version2('/a/b', ['5000000000', 1000, 0]),
      ...version2('/a', ['1000000', 400000, 0]),
    });
    expect(availableMemoryBytes(root)).toBe(600000);
  });

  test('finds the limit at the mount when the path is that of the host', () => {
    files({ ...MEMINFO, 'proc/self/cgroup': '0::/../../host/path\n', ...version2('', ['3000', 1000, 0]) });
    expect(availableMemoryBytes(root)).toBe(2000);
  });

  test('is what a control group of version 1 leaves', () => {
    files({
      ...MEMINFO,
      'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n',
      'sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes': '900000\n',
      'sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes': '500000\n',
      'sys/fs/cgroup/memory/docker/1/memory.stat': 'inactive_file 1\ntotal_inactive_file 200000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '700000\n',
    });
    expect(availableMemoryBytes(root)).toBe(600000);
  });

  test('is never negative', () => {
    files({ ...MEMINFO, 'proc/self/cgroup': '0::/s\n', ...version2('/s', ['1000', 5000, 0]) });
    expect(availableMemoryBytes(root)).toBe(0);
  });

  test('is a plausible number on this machine, with or without such files', () => {
    expect(availableMemoryBytes()).toBeGreaterThan(1e6);
    expect(availableMemoryBytes()).toBeLessThanOrEqual(totalmem());
    expect(availableMemoryBytes(root)).toBeLessThanOrEqual(totalmem());
  });
});
