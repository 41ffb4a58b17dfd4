import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonPath, cpuInfo } from '../../src/engine/index.js';
import { resultOf } from './child.js';

const { instructionSetsOf } = require('../../scripts/prebuilds/instruction-sets.cjs') as {
  instructionSetsOf(processor: string, information: string): { available: string[]; bfloat16: boolean };
};

jest.setTimeout(300_000); // the machine may be slow and shared

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-addon-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Failure {
  name: string;
  code: string;
  message: string;
}
const failureIn = (root: string) =>
  resultOf<Failure>('load-addon', { environment: { DND_LORA_PREBUILD: root, PREBUILDS_ONLY: '' } });

test('a missing addon is one error that lists what was tried and three ways out', async () => {
  const { name, code, message } = await failureIn(folder);
  expect([name, code]).toEqual(['DndError', 'ADDON_UNAVAILABLE']);
  expect(message).toContain(`could not be loaded on ${process.platform}-${process.arch}`);
  expect(message).toContain(`, Node ${process.versions.node}.\n`);
  expect(message).toContain(`${join(folder, 'build', 'Release')}: no build`);
  expect(message).toContain(`${join(folder, 'prebuilds')}: no prebuilt binaries`);
  expect(message).toMatch(/Use a platform with a prebuilt binary/);
  expect(message).toMatch(/Build it from source: .*"npm install".*/);
  expect(message).toMatch(/C\+\+20 compiler and CMake 3.24/);
  expect(message).toMatch(/Report it, with the output of "npx dnd doctor --json"/);
});

test('prebuilt binaries for other platforms are listed', async () => {
  mkdirSync(join(folder, 'prebuilds', 'plan9-mips'), { recursive: true });
  const { message } = await failureIn(folder);
  expect(message).toContain('binaries for plan9-mips');
  expect(message).toContain('Use a platform with a prebuilt binary: plan9-mips.');
});

test('a binary that the system cannot load is named, with what the system says', async () => {
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  writeFileSync(join(folder, 'build', 'Release', 'dnd_lora.node'), 'not a shared library at all');
  const { code, message } = await failureIn(folder);
  expect(code).toBe('ADDON_UNAVAILABLE');
  expect(message).toContain(`Tried:\n  ${join(folder, 'build', 'Release', 'dnd_lora.node')}: `);
  expect(message).toMatch(/dnd_lora\.node: (file too short|invalid ELF header|.*)/);
});

test('addonPath names the file that is in use', () => {
  expect(addonPath()).toMatch(/\.node$/);
});

test('cpuInfo reports the instruction sets, the one in use and the number of threads', () => {
  const { isa, available, usableCpus, defaultThreads, compiler } = cpuInfo();
  expect(available).toContain(isa);
  expect(available[0]).toBe('baseline');
  expect(usableCpus).toBeGreaterThanOrEqual(1);
  expect(usableCpus).toBeLessThanOrEqual(cpus().length);
  expect(defaultThreads).toBe(process.env.DND_THREADS ? Number(process.env.DND_THREADS) : usableCpus);
  expect(compiler).toMatch(/^(GCC|Clang) \d+/);
});

// Of a build as of a prebuilt binary: a compiler's own detection needs start-up code that zig's libraries lack.
(process.platform === 'linux' ? test : test.skip)('cpuInfo finds what the processor has, as Linux tells it', () => {
  const { available, bfloat16 } = cpuInfo();
  expect({ available, bfloat16 }).toEqual(instructionSetsOf(process.arch, readFileSync('/proc/cpuinfo', 'utf8')));
});

test.each([
  [['sse2'], ['baseline'], false],
  [['sse2', 'avx2'], ['baseline'], false],
  [['avx2', 'fma'], ['baseline', 'avx2'], false],
  [['avx2', 'fma', 'avx512f', 'avx512vl'], ['baseline', 'avx2'], false],
  [['avx2', 'fma', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl'], ['baseline', 'avx2', 'avx512'], false],
  [['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_bf16'], ['baseline'], false],
  [['avx2', 'fma', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_bf16'], ['baseline', 'avx2', 'avx512'], true],
])('a processor with %p has %p, bfloat16: %p', (flags, available, bfloat16) => {
  const information = `model name\t: one\nflags\t\t: fpu ${flags.join(' ')} ht\nbugs\t\t: none\n`;
  expect(instructionSetsOf('x64', information)).toEqual({ available, bfloat16 });
});

test.each([
  [{ DND_THREADS: '3' }, { defaultThreads: 3 }],
  [{ DND_CPU_ISA: 'baseline' }, { isa: 'baseline' }],
])('%p is what cpuInfo tells', async (environment, expected) => {
  expect(await resultOf('cpu-info', { environment })).toMatchObject(expected);
});

test.each([{ DND_THREADS: 'many' }, { DND_CPU_ISA: 'mmx' }])('%p is refused by name', async (environment) => {
  const [[name, value]] = Object.entries(environment) as [[string, string]];
  const failure = await resultOf<Failure>('cpu-info', { environment });
  expect(failure).toMatchObject({ name: 'DndError', code: 'INVALID_ARGUMENT' });
  expect(failure.message).toMatch(new RegExp(`${name}.*${value}`));
});
