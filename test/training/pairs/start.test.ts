import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPairs } from '../../../src/training/pairs/index.js';
import { dnd, dndJson } from '../../cli/run-cli.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { configOf, type PairsSettings, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

/** Pairs of two tasks without checkpoints, and an adapter beside them that pairs.json names as their start. */
async function writeStarted(settings: PairsSettings = {}, start = '../start'): Promise<void> {
  await writePairs(at('from'), { tasks: { a: { checkpoints: 2 } }, ...settings });
  await cp(at('from', 'a', 'checkpoints', 'checkpoint-1'), at('start'), { recursive: true });
  const pairsJson = { base: configOf(TINY_BASE), start };
  await writePairs(at('pairs'), { tasks: { animals: { checkpoints: 0 }, plants: { checkpoints: 0 } }, pairsJson });
}

const open = () => openPairs(at('pairs'));

test('tasks may have no checkpoints where pairs.json names what they start from', async () => {
  await writeStarted();
  const pairs = await open();
  expect(pairs.tasks.map(({ name, items, checkpoints }) => [name, items.length, checkpoints.length])).toEqual([
    ['animals', 12, 0],
    ['plants', 12, 0],
  ]);
  expect(pairs.start).toMatchObject({ path: at('start', 'adapter_model.safetensors') });
  expect(pairs.adapter).toMatchObject({ rank: 2, alpha: 4 });
  expect(pairs.warnings).toEqual([]);
  const { code, stdout } = await dnd(['pairs', 'check', at('pairs')]);
  expect(code).toBe(0);
  expect(stdout).toContain("Ready for training with the loss 'behaviour'.");
  const { result } = await dndJson<object>(['pairs', 'check', at('pairs')]);
  expect(result).toMatchObject({ ok: true, tasks: [{ name: 'animals', checkpoints: 0 }, { checkpoints: 0 }] });
});

test('the start is part of what identifies pairs', async () => {
  await writeStarted();
  const { digest } = await open();
  await rm(at('start'), { recursive: true });
  await cp(at('from', 'a', 'checkpoints', 'checkpoint-2'), at('start'), { recursive: true });
  const other = await open();
  expect(other.digest).not.toBe(digest);
  await writePairs(at('without'), {});
  const before = (await openPairs(at('without'))).digest;
  await writeFile(at('without', 'pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), start: '../start' }));
  expect((await openPairs(at('without'))).digest).not.toBe(before);
});

test('a start that is not there is refused by name', async () => {
  await writeStarted({}, '../nowhere');
  await expect(open()).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringMatching(/nowhere.*adapter_model\.safetensors, the adapter that pairs\.json names as start/),
  });
});

test.each<[string, PairsSettings]>([
  ['of a base of other widths', { base: { ...TINY_BASE, intermediate: 80 } }],
  ['of another number of layers', { base: { ...TINY_BASE, layers: 3 } }],
])('a start %s is refused', async (_, settings) => {
  await writeStarted(settings);
  await expect(open()).rejects.toMatchObject({
    code: 'LAYOUT_MISMATCH',
    message: expect.stringMatching(/\bstart\b/),
  });
});

test('a start of another rank than the checkpoints is refused', async () => {
  await writeStarted({ rank: 3 });
  await writePairs(at('mixed'), { pairsJson: { base: configOf(TINY_BASE), start: '../start' } });
  await expect(openPairs(at('mixed'))).rejects.toMatchObject({
    code: 'LAYOUT_MISMATCH',
    message: expect.stringMatching(/\bstart\b/),
  });
});

test('without a start the message names the tasks that have no checkpoints', async () => {
  await writeStarted();
  await writeFile(at('pairs', 'pairs.json'), JSON.stringify({ base: configOf(TINY_BASE) }));
  await expect(open()).rejects.toMatchObject({
    code: 'INVALID_PAIRS',
    message: expect.stringMatching(/task animals has no checkpoints.*\n.*task plants has no checkpoints/s),
  });
});

test('a start that is no path is refused', async () => {
  await writeStarted();
  await writeFile(at('pairs', 'pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), start: 3 }));
  await expect(open()).rejects.toMatchObject({ code: 'INVALID_PAIRS', message: expect.stringMatching(/start/) });
});
