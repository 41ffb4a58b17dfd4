import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenImportance } from '../../../src/training/pairs/importance.js';
import { importanceOf, openPairs, pairsLayout, readTarget } from '../../../src/training/pairs/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { checkpointPath, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

async function opened() {
  const pairs = await openPairs(at('pairs'));
  return { pairs, layout: pairsLayout(pairs) };
}

test('it is the mean of the training tasks’ importance, of all their checkpoints', async () => {
  await writePairs(at('pairs'), { tasks: { a: {}, b: { checkpoints: 3 }, c: {} }, heldOut: ['c'] });
  const { pairs, layout } = await opened();
  const fractions: number[] = [];
  const { values, warnings, cached } = await importanceOf(pairs, layout, { onProgress: (f) => fractions.push(f) });
  const own = await Promise.all(
    pairs.tasks.slice(0, 2).map(async ({ checkpoints }) => {
      const targets = await Promise.all(checkpoints.map((checkpoint) => readTarget(checkpoint, layout)));
      return tokenImportance(targets, layout.tokenCount);
    }),
  );
  values.forEach((value, token) => {
    expect(value).toBeCloseTo((own[0]![token]! + own[1]![token]!) / 2, 6);
  });
  expect([warnings, cached, fractions.at(-1)]).toEqual([[], false, 1]);
  expect(Math.max(...values)).toBeGreaterThan(1);
});

describe('what was computed is kept', () => {
  test('for the same checkpoints and layout, and for no others', async () => {
    await writePairs(at('pairs'), { tasks: { a: {}, b: {} } });
    const { pairs, layout } = await opened();
    const options = { cacheFolder: at('cache') };
    const first = await importanceOf(pairs, layout, options);
    const second = await importanceOf(pairs, layout, options);
    expect([first.cached, second.cached]).toEqual([false, true]);
    expect(second.values).toEqual(first.values);
    expect((await importanceOf(pairs, pairsLayout(pairs, 16), options)).cached).toBe(false);

    const path = checkpointPath(at('pairs'), 'a', 2);
    const bytes = await readFile(path);
    bytes.writeFloatLE(0.5, bytes.length - 4);
    await writeFile(path, bytes);
    const changed = await importanceOf((await opened()).pairs, layout, options);
    expect(changed.cached).toBe(false);
    expect(changed.values).not.toEqual(first.values);
  });

  test('and made again when any byte of it is damaged', async () => {
    await writePairs(at('pairs'), { tasks: { a: {}, b: {} } });
    const { pairs, layout } = await opened();
    const options = { cacheFolder: at('cache') };
    const { values } = await importanceOf(pairs, layout, options);
    const [name] = await readdir(at('cache'));
    const sound = await readFile(at('cache', name!));
    for (const spoil of [
      () => Buffer.from(sound.subarray(0, sound.length - 1)),
      () => Buffer.from('no'),
      () => Buffer.from(sound.map((byte, i) => (i === sound.length - 3 ? byte ^ 1 : byte))),
      () => Buffer.from(sound.toString('latin1').replace('[]', '{}'), 'latin1'),
      () => Buffer.from(sound.toString('latin1').replace('[]', '[x'), 'latin1'),
    ]) {
      await writeFile(at('cache', name!), spoil());
      const again = await importanceOf(pairs, layout, options);
      expect(again).toEqual({ values, warnings: [], cached: false });
      expect(await readFile(at('cache', name!))).toEqual(sound);
    }
  });

  test('a cache that cannot be written is a warning', async () => {
    await writePairs(at('pairs'), { tasks: { a: {} } });
    await writeFile(at('cache'), 'a file');
    const { pairs, layout } = await opened();
    const { warnings } = await importanceOf(pairs, layout, { cacheFolder: at('cache') });
    expect(warnings).toEqual([expect.stringContaining('will be recomputed next time')]);
  });
});

test('a task with one checkpoint is uninformative; if all are, every token has importance 1', async () => {
  await writePairs(at('pairs'), { tasks: { a: {}, b: { checkpoints: 1 } } });
  const both = await opened();
  const { values, warnings } = await importanceOf(both.pairs, both.layout);
  const [a, b] = both.pairs.tasks;
  expect(values).toEqual((await importanceOf({ tasks: [a!] }, both.layout)).values);
  expect(warnings).toEqual([expect.stringContaining('b does not contribute to token importance')]);
  const options = { cacheFolder: at('cache') };
  for (const cached of [false, true]) {
    const alone = await importanceOf({ tasks: [b!] }, both.layout, options);
    expect(alone.cached).toBe(cached);
    expect(new Set(alone.values)).toEqual(new Set([1]));
    expect(alone.warnings).toEqual([expect.any(String), 'token importance is 1 for every token']);
  }
});

test('no checkpoints to train on are refused, an abort stops it, a checkpoint that went away is named', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  const { pairs, layout } = await opened();
  await expect(importanceOf({ tasks: [{ ...pairs.tasks[0]!, heldOut: true }] }, layout)).rejects.toMatchObject({
    code: 'INVALID_PAIRS',
  });
  await expect(importanceOf(pairs, layout, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
  await mkdir(at('empty'));
  const gone = { ...pairs.tasks[0]!.checkpoints[0]!, path: at('empty', 'x.safetensors') };
  await expect(importanceOf({ tasks: [{ ...pairs.tasks[0]!, checkpoints: [gone] }] }, layout)).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('x.safetensors'),
  });
});
