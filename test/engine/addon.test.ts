import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonPath, cpuInfo } from '../../src/engine/index.js';
import { resultOf } from './child.js';

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
