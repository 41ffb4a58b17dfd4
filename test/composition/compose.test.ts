import { join } from 'node:path';
import { LoraAdapter, mergeDelta, readPeft } from '../../src/adapter/index.js';
import { composeAdapters } from '../../src/composition/compose.js';
import type { ComposedAdapter } from '../../src/composition/composed-adapter.js';
import { adapterOf, changed, denseSum, normOf, Q, SHAPES, V } from '../comparison/adapters.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

const weighted = (adapters: readonly LoraAdapter[], weights: readonly number[]) =>
  adapters.map((adapter, i) => ({ name: `adapter ${i + 1}`, adapter, weight: weights[i]! }));

/** ‖ΔW of the result − the sum‖ / ‖the sum‖ */
async function errorIn(module: string, composed: ComposedAdapter, adapters: readonly LoraAdapter[], weights: number[]) {
  const result = await mergeDelta(new LoraAdapter(composed.config, composed.tensors), module);
  const sum = await denseSum(adapters, weights, module);
  return normOf(sum.map((value, i) => value - result[i]!)) / normOf(sum);
}

test('with the sum of the ranks the result is the weighted sum, whatever the ranks, alphas and rsLoRA', async () => {
  const adapters = [
    adapterOf({ seed: 1, config: { alphaPattern: { v_proj: 9 }, rankPattern: { down_proj: 2 } } }),
    adapterOf({ seed: 2, config: { rank: 4, alpha: 3, useRslora: true } }),
    adapterOf({ seed: 3, modules: [Q] }),
  ];
  const weights = [0.5, -2, 1];
  const composed = await composeAdapters(weighted(adapters, weights), { rank: 10 });
  expect(composed.config).toMatchObject({ rank: 10, alpha: 10, useRslora: false, baseModelName: 'tiny/base' });
  for (const module of Object.keys(SHAPES))
    expect(await errorIn(module, composed, adapters, weights)).toBeLessThan(1e-6);
  expect(composed.report.discardedShare).toBe(0);
  expect(composed.report.warning).toContain('not the union of their skills');
});

test('a smaller rank discards exactly the reported share, and nothing of that rank is closer', async () => {
  const adapters = [adapterOf({ seed: 1 }), adapterOf({ seed: 2 })];
  const composed = await composeAdapters(weighted(adapters, [1, 1]), { rank: 4 });
  let [discarded, whole] = [0, 0];
  for (const { module, norm, discardedShare } of composed.report.modules) {
    expect(await errorIn(module, composed, adapters, [1, 1])).toBeCloseTo(discardedShare, 5);
    expect(discardedShare).toBeGreaterThan(0.01);
    discarded += (norm * discardedShare) ** 2;
    whole += norm ** 2;
    // The singular values of the sum, less the four largest: what the best approximation lacks.
    const alone = await composeAdapters(weighted(adapters, [1, 1]), { rank: 6 });
    const a = alone.tensors.get(`base_model.model.${module}.lora_A.weight`)!;
    const values = Array.from(
      { length: 6 },
      (_, k) => normOf(a.data.subarray(k * a.shape[1]!, (k + 1) * a.shape[1]!)) ** 2,
    );
    expect(discardedShare).toBeCloseTo(normOf(values.slice(4)) / normOf(values), 5);
  }
  expect(composed.report.discardedShare).toBeCloseTo(Math.sqrt(discarded / whole), 10);
});

test('without a rank the largest of the adapters is used, and a larger one than needed is not', async () => {
  const adapters = [adapterOf({ seed: 1 }), adapterOf({ seed: 2, config: { rank: 5 } })];
  expect((await composeAdapters(weighted(adapters, [1, 1]))).config.rank).toBe(5);
  const { config, report } = await composeAdapters(weighted(adapters, [1, 1]), { rank: 64 });
  expect(config.rank).toBe(8);
  expect(report.notes).toEqual([expect.stringContaining('rank 64 would add only zeros')]);
});

test('a single adapter is recompressed', async () => {
  const one = adapterOf({ seed: 1 });
  const composed = await composeAdapters(weighted([one], [1]), { rank: 2 });
  for (const { module, discardedShare } of composed.report.modules)
    expect(await errorIn(module, composed, [one], [1])).toBeCloseTo(discardedShare, 5);
});

test('what cancels is 0, and a note says so', async () => {
  const one = adapterOf({ seed: 1 });
  const { report, tensors } = await composeAdapters(weighted([one, one], [0.3, -0.3]));
  expect(report).toMatchObject({ norm: 0, discardedShare: 0, notes: [expect.stringContaining('the sum is 0')] });
  for (const { data } of tensors.values()) expect(data.every((value) => value === 0)).toBe(true);
});

test('the saved folder is read as what was composed', async () => {
  const composed = await composeAdapters(weighted([adapterOf({ seed: 1 }), adapterOf({ seed: 2 })], [1, 1]));
  await composed.save(join(folder(), 'sum'));
  const read = await readPeft(join(folder(), 'sum'));
  for (const [name, { data }] of read.tensors) expect(data).toEqual(composed.tensors.get(name)!.data);
  await expect(composed.save(join(folder(), 'sum'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await expect(composed.save(join(folder(), 'other'), { dtype: 'q4' as 'f32' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('layers and exclusions of one adapter do not reach the modules of another', async () => {
  const early = adapterOf({ seed: 1, modules: [Q, V], config: { layersToTransform: [0] } });
  const all = adapterOf({ seed: 2 });
  const { config } = await composeAdapters(weighted([early, all], [1, 1]));
  expect(config.layersToTransform ?? null).toBeNull();
  expect([...config.targetModules].sort()).toEqual(Object.keys(SHAPES).sort());
  const both = await composeAdapters(weighted([early, early], [1, 1]));
  expect(both.config).toMatchObject({ layersToTransform: [0], targetModules: early.config.targetModules });
});

test('adapters of different bases, weights that are no numbers, and wrong ranks are refused', async () => {
  const one = adapterOf({ seed: 1 });
  const other = adapterOf({ seed: 2, shapes: { ...SHAPES, [V]: [6, 9] } });
  const gpt2 = adapterOf({ seed: 2, config: { fanInFanOut: true } });
  const broken = changed(one, (_, data) => data.with(0, Number.POSITIVE_INFINITY));
  for (const [adapters, weights, rank, code] of [
    [[one, other], [1, 1], 2, 'SHAPE_MISMATCH'],
    [[one, gpt2], [1, 1], 2, 'SHAPE_MISMATCH'],
    [[one, broken], [1, 1], 2, 'INVALID_WEIGHTS'],
    [[one, one], [1, Number.NaN], 2, 'INVALID_ARGUMENT'],
    [[one, one], [0, 0], 2, 'INVALID_ARGUMENT'],
    [[one, one], [1, 1], 0, 'INVALID_ARGUMENT'],
    [[], [], 2, 'INVALID_ARGUMENT'],
  ] as const)
    await expect(composeAdapters(weighted(adapters, weights), { rank })).rejects.toMatchObject({ code });
});

test('an abort stops the composition', async () => {
  const operation = { signal: AbortSignal.abort('enough') };
  await expect(composeAdapters(weighted([adapterOf({ seed: 1 })], [1]), operation)).rejects.toBe('enough');
});
