import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { availableMemoryBytes, DecoderEngine, formatBytes, requireMemory } from '../../src/engine/index.js';
import { conditionOf, SMALL } from './decoders.js';

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

describe('requireMemory', () => {
  const need = { purpose: 'a forward pass over a batch of 8', bytes: 3.2e9, lower: 'lower the batch' };

  test('tells the need, what there is and what to lower', () => {
    expect(() => requireMemory(need, 1.25e9)).toThrow(
      expect.objectContaining({
        code: 'OUT_OF_MEMORY',
        message:
          'a forward pass over a batch of 8 needs 3.20 GB, but 1.25 GB are available; free memory, or lower the batch',
      }),
    );
    expect(() => requireMemory(need, 3.2e9)).not.toThrow();
  });

  test('keeps to the limit of the caller', () => {
    expect(() => requireMemory({ ...need, limitBytes: 3e9 }, 9e9)).toThrow(
      'needs 3.20 GB, but memoryLimitBytes leaves 3.00 GB; raise it, or lower the batch',
    );
    expect(() => requireMemory({ ...need, limitBytes: 4e9 }, 9e9)).not.toThrow();
  });
});

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [4_452_812_880, '4.45 GB'],
  [3e15, '3.00e+3 TB'],
])('formatBytes(%p) is %p', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

describe('memoryLimitBytes', () => {
  const create = (memoryLimitBytes: number) =>
    DecoderEngine.create({ features: SMALL, kernelSize: 3, memoryLimitBytes });
  let parameterBytes: number;
  beforeAll(async () => {
    const engine = await create(1e9);
    parameterBytes = engine.parameterBytes;
    engine.dispose();
  });

  test('is checked before the parameters are filled', async () => {
    await expect(create(parameterBytes - 1)).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/the decoder .* needs .* memoryLimitBytes leaves .* use a smaller model/),
    });
  });

  test('is checked before the work begins, and says what a smaller batch needs', async () => {
    const engine = await create(parameterBytes + 1e6);
    try {
      await engine.forward(conditionOf(engine), 1);
      await expect(engine.forward(conditionOf(engine, 10000), 10000)).rejects.toMatchObject({
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(/batch of 10000 needs .*lower the batch \(a batch of 1 needs [\d.]+ \w+\)/),
      });
    } finally {
      engine.dispose();
    }
  });
});

test('a decoder that no machine can hold is refused with its size', async () => {
  const features = [
    [1e5, 9, 9],
    [1e6, 9, 9],
  ] as const;
  await expect(DecoderEngine.create({ features, kernelSize: 9 })).rejects.toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: expect.stringMatching(/the decoder .*(TB|GB|MiB).*use a smaller model/),
  });
});
