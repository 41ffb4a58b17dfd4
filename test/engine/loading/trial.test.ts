import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addonPath } from '../../../src/engine/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { failureOf, load } from './attempts.js';
import { crashing } from './shared-objects.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const folder = useTemporaryFolder();
const addon = () => join(folder(), 'copy.node');
const notes = () => {
  try {
    return readdirSync(join(folder(), 'cache', 'addon-trials'));
  } catch {
    return [];
  }
};

/** A copy of the addon, which is not this clone's build. */
function copied(): Record<string, string> {
  copyFileSync(addonPath(), addon());
  return { DND_ADDON: addon(), DND_CACHE: join(folder(), 'cache') };
}

/** Names a program that stands for Node in the trial, notes that it ran, and ends so. */
function node(name: string, script: string): string {
  const path = join(folder(), name);
  writeFileSync(path, `#!/bin/sh\necho tried >> ${join(folder(), 'trials')}\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
const trials = () => {
  try {
    return readFileSync(join(folder(), 'trials'), 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
};

const unix = process.platform === 'win32' ? test.skip : test;

unix.each(['SIGSEGV', 'SIGILL', 'SIGABRT'])(
  'a binary that ends its process with %s does not end this one',
  async (signal) => {
    crashing(addon(), `std::raise(${signal});`);
    const message = await failureOf({ DND_ADDON: addon(), DND_CACHE: join(folder(), 'cache') });
    expect(message).toContain(`Tried:\n  ${addon()}: a child process that tried it ended with ${signal}\n`);
    expect(message).toContain('- Try DND_CPU_ISA=baseline');
    expect(notes()).toEqual([]);
  },
);

unix('without the trial it would', async () => {
  crashing(addon(), 'std::raise(SIGSEGV);');
  // A program of another name is not asked to load anything: this one might be a whole application.
  const fake = { execPath: join(folder(), 'application') };
  await expect(load({ DND_ADDON: addon(), DND_CACHE: folder() }, fake)).rejects.toThrow('ended with SIGSEGV');
});

test('a success is noted, with what it was found under', async () => {
  expect(await load(copied())).toEqual({});
  expect(notes()).toHaveLength(1);
  const note = JSON.parse(readFileSync(join(folder(), 'cache', 'addon-trials', notes()[0]!), 'utf8'));
  expect(note).toMatchObject({
    addon: addon(),
    node: process.versions.node,
    instructionSet: process.env.DND_CPU_ISA ?? null,
  });
});

unix('a noted success is not tried again, until the file changes or another instruction set is chosen', async () => {
  const environment = copied();
  const fake = { execPath: node('node', `exec ${process.execPath} "$@"`) };
  for (let run = 0; run < 2; run++) expect(await load(environment, fake)).toEqual({});
  expect(trials()).toBe(1);
  utimesSync(addon(), 1000, 1000);
  expect(await load(environment, fake)).toEqual({});
  expect(trials()).toBe(2);
  expect(await load({ ...environment, DND_CPU_ISA: 'baseline' }, fake)).toEqual({});
  expect(trials()).toBe(3);
});

unix('where nothing can be noted, it is tried each time and works', async () => {
  writeFileSync(join(folder(), 'cache'), 'a file, not a folder');
  const environment = copied();
  const fake = { execPath: node('node', `exec ${process.execPath} "$@"`) };
  for (let run = 0; run < 2; run++) expect(await load(environment, fake)).toEqual({});
  expect(trials()).toBe(2);
});

unix.each([
  ['cannot be started', 'node-20', undefined, 0],
  ['fails for another reason', 'node-20', 'exit 9', 1],
  ['is killed from outside', 'nodejs', 'kill -KILL $$', 1],
])('a trial that %s decides nothing', async (_what, name, script, expected) => {
  const execPath = script === undefined ? join(folder(), name) : node(name, script);
  expect(await load(copied(), { execPath })).toEqual({});
  expect(trials()).toBe(expected);
  expect(notes()).toEqual([]);
});

unix.each([
  ['an application of its own', 'application', {}],
  ['Electron', 'node', { electron: '45.5.0' }],
  ['Bun', 'node', { bun: '1.4.5' }],
])('%s is not started to try it', async (_what, name, versions) => {
  const execPath = node(name, 'exit 0');
  expect(await load(copied(), { execPath, versions })).toEqual({});
  expect(trials()).toBe(0);
});

unix('the build of a clone is not tried', async () => {
  mkdirSync(join(folder(), 'build', 'Release'), { recursive: true });
  copyFileSync(addonPath(), join(folder(), 'build', 'Release', 'dnd_lora.node'));
  const environment = { DND_LORA_PREBUILD: folder(), DND_CACHE: join(folder(), 'cache'), PREBUILDS_ONLY: '' };
  expect(await load(environment, { execPath: node('node', 'exit 0') })).toEqual({});
  expect(trials()).toBe(0);
});
