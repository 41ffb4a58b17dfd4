import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterLayout } from '../../../src/adapter/index.js';
import { writeSafetensors } from '../../../src/formats/safetensors/index.js';
import {
  examinePairs,
  importanceOf,
  openPairs,
  pairsLayout,
  targetWeights,
} from '../../../src/training/pairs/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

async function give(
  task: string,
  values: readonly number[],
  name = 'importance',
  shape = [values.length],
): Promise<void> {
  const bytes = () => [new Uint8Array(new Float32Array(values).buffer)];
  await writeSafetensors(at('pairs', task, 'importance.safetensors'), [{ name, dtype: 'F32', shape, bytes }]);
}

function meanOverElements(values: ArrayLike<number>, layout: AdapterLayout): number {
  const counts = layout.elementCounts();
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count, token) => sum + count * values[token]!, 0) / total;
}

async function opened() {
  const pairs = await openPairs(at('pairs'));
  return { pairs, layout: pairsLayout(pairs) };
}

test('a task’s importance.safetensors replaces what would be computed', async () => {
  await writePairs(at('pairs'), { tasks: { a: {}, b: {} } });
  const { pairs: before, layout } = await opened();
  const computed = await importanceOf({ tasks: before.tasks.slice(1) }, layout);
  const given = Array.from({ length: layout.tokenCount }, (_, token) => token % 5);
  await give('a', given);
  const { pairs } = await opened();
  expect(pairs.tasks[0]!.checkpoints).toEqual(before.tasks[0]!.checkpoints);
  expect(pairs.digest).not.toBe(before.digest);
  const { values } = await importanceOf(pairs, layout);
  const scale = 1 / meanOverElements(given, layout);
  values.forEach((value, token) => {
    expect(value).toBeCloseTo((scale * given[token]! + computed.values[token]!) / 2, 5);
  });
});

test('whatever its scale, its mean over all elements becomes 1', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  const { layout } = await opened();
  const given = Array.from({ length: layout.tokenCount }, (_, token) => 1 + (token % 3));
  const importance = async (scale: number) => {
    await give(
      'a',
      given.map((value) => scale * value),
    );
    return (await importanceOf((await opened()).pairs, layout)).values;
  };
  const values = await importance(4096);
  expect(meanOverElements(values, layout)).toBeCloseTo(1, 6);
  expect(values[1]! / values[0]!).toBeCloseTo(2, 6);
  expect(await importance(1)).toEqual(values);
});

test('the cache belongs to it', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  const { layout } = await opened();
  const ones = new Array<number>(layout.tokenCount).fill(1);
  const options = { cacheFolder: at('cache') };
  await give('a', ones);
  const first = await importanceOf((await opened()).pairs, layout, options);
  expect([...first.values]).toEqual(ones);
  expect((await importanceOf((await opened()).pairs, layout, options)).cached).toBe(true);
  await rm(at('pairs', 'a', 'importance.safetensors'));
  const computed = await importanceOf((await opened()).pairs, layout, options);
  expect(computed.cached).toBe(false);
  expect(computed.values).not.toEqual(first.values);
});

test('what is not the importance of these weight tokens is refused', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  const { layout } = await opened();
  const refused = async (message: string, ...given: [number[], string?, number[]?]) => {
    await give('a', ...given);
    const { pairs, problems } = await examinePairs(at('pairs'));
    expect(pairs).toBeNull();
    expect(problems).toEqual([
      { task: 'a', checkpoint: null, code: 'INVALID_PAIRS', message: expect.stringContaining(message) },
    ]);
  };
  const ones = new Array<number>(layout.tokenCount).fill(1);
  await refused('it has no tensor importance', ones, 'criterion_weight');
  await refused('expected [weight tokens]', ones, 'importance', [1, layout.tokenCount]);
  await refused('that of weight token 0 is -1', [-1, ...ones.slice(1)]);
  await refused('it is zero for every weight token', new Array<number>(layout.tokenCount).fill(0));
  await writeFile(at('pairs', 'a', 'importance.safetensors'), '');
  expect((await examinePairs(at('pairs'))).problems).toMatchObject([{ task: 'a', code: 'CORRUPT_FILE' }]);
  await give('a', ones);
  const { pairs } = await opened();
  const residual = pairsLayout(pairs, undefined, 'residual');
  await expect(importanceOf(pairs, residual)).rejects.toMatchObject({ code: 'INVALID_PAIRS' });
  const weights = await targetWeights('canonical', pairs, layout);
  await expect(importanceOf(pairs, layout, { weights })).rejects.toMatchObject({
    code: 'INVALID_PAIRS',
    message: expect.stringContaining("targets 'raw'"),
  });
});

test('that of another chunk is warned of, and refused by a layout that it is not for', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  await give('a', [1, 2]);
  const { pairs, layout } = await opened();
  expect(pairs.warnings).toEqual([
    expect.stringContaining(
      `the token importance of a is for 2 weight tokens, and with the default chunk ${layout.chunk} there are ${layout.tokenCount}`,
    ),
  ]);
  await expect(importanceOf(pairs, layout)).rejects.toMatchObject({
    code: 'INVALID_PAIRS',
    message: expect.stringContaining('it is for 2 weight tokens'),
  });
});

test('beside the checkpoints it is not read, and named', async () => {
  await writePairs(at('pairs'), { tasks: { a: {} } });
  const { layout } = await opened();
  await give('a', new Array<number>(layout.tokenCount).fill(1));
  const path = at('pairs', 'a', 'importance.safetensors');
  await rename(path, at('pairs', 'a', 'checkpoints', 'importance.safetensors'));
  const { pairs } = await opened();
  expect(pairs.tasks[0]!.importance).toBeUndefined();
  expect(pairs.warnings).toEqual([
    'a/checkpoints/importance.safetensors is not read: token importance is that in a/. Move it there',
  ]);
});

test('a task of one checkpoint that has it does contribute', async () => {
  await writePairs(at('pairs'), { tasks: { a: { checkpoints: 1 }, b: {} } });
  const { pairs: before, layout } = await opened();
  expect(before.warnings).toEqual([expect.stringMatching(/^a does not contribute to token importance/)]);
  await give('a', new Array<number>(layout.tokenCount).fill(1));
  expect((await opened()).pairs.warnings).toEqual([]);
});
