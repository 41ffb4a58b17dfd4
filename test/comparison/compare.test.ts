import { compareAdapters } from '../../src/comparison/compare.js';
import { adapterOf, changed, denseSum, normOf, Q, SHAPES, V } from './adapters.js';

const named = (...adapters: ReturnType<typeof adapterOf>[]) =>
  adapters.map((adapter, i) => ({ name: `adapter ${i + 1}`, adapter }));

test('norms, cosines and distances are those of ΔW itself, for any ranks, alphas and rsLoRA', async () => {
  const one = adapterOf({ seed: 1, config: { alphaPattern: { v_proj: 9 }, rankPattern: { down_proj: 5 } } });
  const other = adapterOf({ seed: 2, config: { rank: 7, alpha: 3, useRslora: true } });
  const { adapters, pairs, modules } = await compareAdapters(named(one, other));
  const squares = { first: 0, second: 0, product: 0, distance: 0 };
  for (const { module, adapters: updates, pairs: own } of modules) {
    const [first, second] = [await denseSum([one], [1], module), await denseSum([other], [1], module)];
    const difference = await denseSum([one, other], [1, -1], module);
    const product = first.reduce((sum, value, i) => sum + value * second[i]!, 0);
    expect(updates[0]!.norm).toBeCloseTo(normOf(first), 4);
    expect(updates[1]!.norm).toBeCloseTo(normOf(second), 4);
    expect(own[0]!.distance).toBeCloseTo(normOf(difference), 4);
    expect(own[0]!.cosine).toBeCloseTo(product / (normOf(first) * normOf(second)), 5);
    squares.first += normOf(first) ** 2;
    squares.second += normOf(second) ** 2;
    squares.product += product;
    squares.distance += normOf(difference) ** 2;
  }
  expect(adapters.map(({ norm }) => norm ** 2 / 100)).toEqual([
    expect.closeTo(squares.first / 100, 4),
    expect.closeTo(squares.second / 100, 4),
  ]);
  expect(pairs[0]!.cosine).toBeCloseTo(squares.product / Math.sqrt(squares.first * squares.second), 5);
  expect(pairs[0]!.distance).toBeCloseTo(Math.sqrt(squares.distance), 3);
  expect(pairs[0]!.relativeDistance).toBeCloseTo(Math.sqrt(squares.distance / (squares.first + squares.second)), 5);
});

test('an adapter with other factors, rank and scale, and the same ΔW, has distance 0', async () => {
  const one = adapterOf({ seed: 3 });
  const same = changed(one, (name, data) => data.map((value) => value * (name.includes('lora_A') ? 4 : 0.125)), {
    alpha: 12,
  });
  const { pairs, adapters } = await compareAdapters(named(one, same));
  expect(pairs[0]!.distance).toBeLessThan(1e-13 * adapters[0]!.norm);
  expect(pairs[0]!.cosine).toBeCloseTo(1, 12);
  const opposite = changed(one, (name, data) => (name.includes('lora_B') ? data.map((value) => -value) : data));
  const against = (await compareAdapters(named(one, opposite))).pairs[0]!;
  expect(against.cosine).toBeCloseTo(-1, 12);
  expect(against.relativeDistance).toBeCloseTo(Math.SQRT2, 12);
});

test('effective ranks count directions: 1 for a rank that is used once, the rank for equal directions', async () => {
  const [output, input] = SHAPES[Q]!;
  const one = adapterOf({ seed: 4, modules: [Q] });
  const alike = changed(one, (name, data) => data.map((_, i) => (name.includes('lora_A') ? data[i % input]! : 1)));
  const unit = changed(one, (name, data) =>
    data.map((_, i) => {
      const [row, column] = name.includes('lora_A') ? [Math.floor(i / input), i % input] : [i % 3, Math.floor(i / 3)];
      return row === column ? 1 : 0;
    }),
  );
  const { modules } = await compareAdapters(named(alike, unit));
  expect(output).toBeGreaterThan(3);
  expect(modules[0]!.adapters.map(({ effectiveRank }) => effectiveRank)).toEqual([
    expect.closeTo(1, 10),
    expect.closeTo(3, 10),
  ]);
});

test('every two of several adapters are compared, and modules are in the order of the layers', async () => {
  const { pairs, modules } = await compareAdapters(
    named(adapterOf({ seed: 1 }), adapterOf({ seed: 2 }), adapterOf({ seed: 3 })),
  );
  expect(pairs.map(({ first, second }) => [first, second])).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
  ]);
  expect(modules.map(({ module }) => module)).toEqual([
    Q,
    V,
    'model.layers.2.mlp.down_proj',
    'model.layers.10.mlp.down_proj',
  ]);
});

test('a module that an adapter lacks is unchanged by it, and a note says so', async () => {
  const one = adapterOf({ seed: 1 });
  const other = adapterOf({ seed: 2, modules: [Q] });
  const { modules, notes } = await compareAdapters(named(one, other));
  const value = modules.find(({ module }) => module === V)!;
  expect(value.adapters[1]).toEqual({ rank: null, norm: 0, effectiveRank: 0 });
  expect(value.pairs[0]).toMatchObject({ cosine: null, relativeDistance: 1 });
  expect(value.pairs[0]!.distance).toBeCloseTo(value.adapters[0]!.norm, 12);
  expect(notes).toEqual([expect.stringMatching(/^adapter 2 does not adapt .*v_proj.*: its change there is 0$/)]);
});

test('an adapter of zeros has neither direction nor effective rank', async () => {
  const zero = changed(adapterOf({ seed: 1 }), (name, data) => (name.includes('lora_B') ? data.map(() => 0) : data));
  const { adapters, pairs } = await compareAdapters(named(zero, zero));
  expect(adapters[0]).toMatchObject({ norm: 0, effectiveRank: 0 });
  expect(pairs[0]).toMatchObject({ cosine: null, distance: 0, relativeDistance: null });
});

test('wrappers before a module’s name make no difference', async () => {
  const one = adapterOf({ seed: 1, modules: [Q] });
  const shapes = { [Q.replace('model.', 'model.language_model.')]: SHAPES[Q]! };
  const { pairs, modules } = await compareAdapters(named(one, adapterOf({ seed: 1, shapes })));
  expect(modules).toHaveLength(1);
  expect(pairs[0]!.relativeDistance).toBe(0);
});

test('adapters of different bases are refused, with the module and both shapes', async () => {
  const other = adapterOf({ seed: 2, shapes: { ...SHAPES, [V]: [6, 9] } });
  await expect(compareAdapters(named(adapterOf({ seed: 1 }), other))).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/adapter 2: .*v_proj: .*different bases; expected \[5, 9\], got \[6, 9\]/),
  });
  const shapes = { 'transformer.h.0.attn.c_attn': [27, 9] as [number, number] };
  const foreign = adapterOf({ seed: 2, shapes, config: { baseModelName: 'gpt2' } });
  await expect(compareAdapters(named(adapterOf({ seed: 1 }), foreign))).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('no module in common'),
  });
});

test('different names of the base are only noted, since folders and forks have other names', async () => {
  const other = adapterOf({ seed: 2, config: { baseModelName: '/models/base' } });
  const { notes } = await compareAdapters(named(adapterOf({ seed: 1 }), other));
  expect(notes).toEqual([expect.stringContaining('different base models ("tiny/base", "/models/base")')]);
});

test('generated and composed adapters are taken as they are', async () => {
  const { config, tensors } = adapterOf({ seed: 1 });
  const { pairs } = await compareAdapters([
    { name: 'given', adapter: { config, tensors } },
    { name: 'read', adapter: adapterOf({ seed: 1 }) },
  ]);
  expect(pairs[0]!.distance).toBe(0);
});

test('modules that do not overlap are compared when both adapters name the same base', async () => {
  const { pairs } = await compareAdapters(
    named(adapterOf({ seed: 1, modules: [Q] }), adapterOf({ seed: 2, modules: [V] })),
  );
  expect(pairs[0]).toMatchObject({ cosine: 0, relativeDistance: expect.closeTo(1, 12) });
});

test('weights and scales that are not finite, and fewer than two adapters, are refused', async () => {
  const one = adapterOf({ seed: 1 });
  const broken = changed(one, (name, data) => (name.includes('v_proj.lora_B') ? data.with(4, Number.NaN) : data));
  await expect(compareAdapters(named(one, broken))).rejects.toMatchObject({
    code: 'INVALID_WEIGHTS',
    message: expect.stringMatching(/adapter 2: .*v_proj.lora_B.weight: .*got NaN at \[1, 1\]/),
  });
  const infinite = changed(one, (_, data) => data, { alpha: Number.POSITIVE_INFINITY });
  await expect(compareAdapters(named(infinite, one))).rejects.toMatchObject({ code: 'INVALID_WEIGHTS' });
  await expect(compareAdapters(named(one))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('progress ends at 1, and an abort stops the comparison', async () => {
  const seen: number[] = [];
  const both = named(adapterOf({ seed: 1 }), adapterOf({ seed: 2 }));
  await compareAdapters(both, { onProgress: (fraction) => seen.push(fraction) });
  expect(seen.at(-1)).toBe(1);
  await expect(compareAdapters(both, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
