import { excludedModulesOf } from '../../src/adapter/base-family.js';
import { AdapterLayout, MODULE_NAMES } from '../../src/adapter/index.js';
import { base } from './bases.js';

function weightsOf(layout: AdapterLayout, value = 0.5): Map<string, Float32Array> {
  return new Map(
    layout.tensors.map(({ name, shape }) => [name, new Float32Array(shape[0] * shape[1]).fill(value)] as const),
  );
}

test.each([
  ['qwen2.5-0.5b', 8, [4296, 10, 130]],
  ['qwen2.5-1.5b', 16, [4508, 18, 258]],
  ['qwen2.5-7b', 16, [4928, 18, 514]],
  ['qwen2.5-vl-3b', 16, [7308, 18, 258]],
])('%s at rank %d has the published weight tokens', (name, rank, expected) => {
  const { tokenCount, tokenHeight, tokenWidth } = new AdapterLayout({ base: base(name), rank });
  expect([tokenCount, tokenHeight, tokenWidth]).toEqual(expected);
});

test('layers ascend, modules follow the one order, A comes before B', () => {
  const layout = new AdapterLayout({ base: base('qwen2.5-0.5b'), rank: 8 });
  expect(layout.tensors).toHaveLength(336);
  expect(layout.tensors[1]).toEqual({
    name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight',
    shape: [896, 8],
    firstToken: 7,
    tokenCount: 7,
    offset: 7168,
    part: 'B',
    module: 'q_proj',
    layer: 0,
  });
  expect(layout.tensors.slice(0, 14).map(({ module, part, shape }) => [module, part, ...shape])).toEqual([
    ['q_proj', 'A', 8, 896],
    ['q_proj', 'B', 896, 8],
    ['k_proj', 'A', 8, 896],
    ['k_proj', 'B', 128, 8],
    ['v_proj', 'A', 8, 896],
    ['v_proj', 'B', 128, 8],
    ['o_proj', 'A', 8, 896],
    ['o_proj', 'B', 896, 8],
    ['up_proj', 'A', 8, 896],
    ['up_proj', 'B', 4864, 8],
    ['gate_proj', 'A', 8, 896],
    ['gate_proj', 'B', 4864, 8],
    ['down_proj', 'A', 8, 4864],
    ['down_proj', 'B', 896, 8],
  ]);
  let next = 0;
  for (const tensor of layout.tensors) {
    expect(tensor.firstToken).toBe(next);
    next += tensor.tokenCount;
  }
  expect(next).toBe(layout.tokenCount);
  expect(layout.tensors.at(-1)!.name).toBe('base_model.model.model.layers.23.mlp.down_proj.lora_B.weight');
});

test('modules come in their own order, however the user writes them', () => {
  const layout = new AdapterLayout({
    base: base('smollm2-135m'),
    rank: 4,
    modules: ['down_proj', 'self_attn.v_proj', 'q_proj'],
  });
  expect(layout.modules).toEqual(['q_proj', 'v_proj', 'down_proj']);
});

test('Qwen2.5-VL keeps its layers where transformers looks for them', () => {
  const { tensors } = new AdapterLayout({ base: base('qwen2.5-vl-3b'), rank: 2, modules: ['q_proj'] });
  expect(tensors[0]!.name).toBe('base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight');
});

test('Phi has its fused projections in the place of those that they fuse, as modules of their own', () => {
  const phi = { ...base('qwen2.5-0.5b'), modelType: 'phi3', layers: 1 };
  const layout = new AdapterLayout({ base: phi, rank: 2 });
  expect(layout.tensors.map(({ name, shape }) => [name.split('.').slice(5, -1).join('.'), shape])).toEqual([
    ['self_attn.qkv_proj.lora_A', [2, 896]],
    ['self_attn.qkv_proj.lora_B', [1152, 2]],
    ['self_attn.o_proj.lora_A', [2, 896]],
    ['self_attn.o_proj.lora_B', [896, 2]],
    ['mlp.gate_up_proj.lora_A', [2, 896]],
    ['mlp.gate_up_proj.lora_B', [9728, 2]],
    ['mlp.down_proj.lora_A', [2, 4864]],
    ['mlp.down_proj.lora_B', [896, 2]],
  ]);
  expect(AdapterLayout.fromTensors(layout.tensors).tensors).toEqual(layout.tensors);
  expect(AdapterLayout.fromJSON(JSON.parse(JSON.stringify(layout)), 'x').tensors).toEqual(layout.tensors);
});

test.each([
  ['phi3', ['q_proj'], 'the base has no module "q_proj"; choose from qkv_proj, o_proj, gate_up_proj, down_proj'],
  ['llama', ['q_proj', 'gate_up_proj'], 'the base has no module "gate_up_proj"; choose from q_proj'],
  ['qwen3_moe', ['mlp.up_proj'], 'the base has no module "mlp.up_proj"; choose from q_proj, k_proj, v_proj, o_proj'],
])('modules that a base of type %s lacks are refused: %j', (modelType, modules, message) => {
  const attempt = () => new AdapterLayout({ base: { ...base('qwen2.5-0.5b'), modelType }, rank: 2, modules });
  expect(attempt).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
  );
});

test.each([
  ['qwen2_5_vl', 'model.visual.blocks.0.mlp.up_proj', '.*\\bvisual\\..*'],
  ['gemma3', 'model.vision_tower.encoder.layers.0.self_attn.q_proj', '.*\\bvision_tower\\..*'],
  [null, 'model.vision_tower.encoder.layers.0.self_attn.q_proj', '.*\\b(visual|vision_tower)\\..*'],
])('the image encoder of %s is not adapted', (modelType, module, pattern) => {
  expect(excludedModulesOf(modelType, 'model.language_model.layers')).toBe(pattern);
  expect(module).toMatch(new RegExp(`^(?:${pattern})$`));
  expect(excludedModulesOf(modelType, 'model.layers')).toBeNull();
});

test('an odd rank and an odd chunk make tokens with an even height and width, NaN between chunk and margin', () => {
  const layout = new AdapterLayout({ base: base('smollm2-135m'), rank: 3, modules: ['q_proj'], chunk: 65 });
  expect([layout.tokenHeight, layout.tokenWidth]).toEqual([6, 68]);
  const tokens = layout.tokenise(weightsOf(layout));
  const at = (row: number, column: number) => tokens[row * 68 + column];
  expect([at(2, 64), at(2, 65), at(3, 64), at(3, 65)]).toEqual([0, Number.NaN, Number.NaN, Number.NaN]);
  expect([at(4, 0), at(5, 2), at(0, 66)]).toEqual([4, 4, 4]);
  const s = Math.fround(Math.log(0.1) + 1.6);
  expect([at(4, 1), at(5, 67), at(0, 67)]).toEqual([s, s, s]);
});

test('a constant chunk has deviation 0 and values 0, even where the sum of its values is not exact', async () => {
  const layout = new AdapterLayout({ base: base('qwen2.5-0.5b'), rank: 8, modules: ['up_proj'] });
  const weights = weightsOf(layout, Math.fround(0.1));
  const tokens = layout.tokenise(weights);
  for (let column = 0; column < 128; column++) expect(tokens[column]).toBe(0);
  const reconstructed = await layout.reconstruct(tokens);
  for (const [name, values] of weights) expect(Math.abs(reconstructed.get(name)![5]! - values[5]!)).toBeLessThan(1e-8);
});

test('a chunk of a single element has deviation 1', () => {
  const one = { ...base('smollm2-135m'), hidden: 65, heads: 1, kvHeads: 1, headDim: 65, layers: 1 };
  const layout = new AdapterLayout({ base: one, rank: 1, modules: ['q_proj'], chunk: 64 });
  const tokens = layout.tokenise(weightsOf(layout, 3));
  const last = tokens.subarray(layout.tokenHeight * layout.tokenWidth, 2 * layout.tokenHeight * layout.tokenWidth);
  expect(last[0]).toBe(0);
  expect(last[1]).toBeNaN();
  expect(last[layout.tokenWidth - 2]).toBe(24);
  expect(last[layout.tokenWidth - 1]).toBe(Math.fround(1.6));
});

test('weights are found by any spelling of their names', () => {
  const layout = new AdapterLayout({ base: base('qwen2.5-vl-3b'), rank: 2, modules: ['q_proj'] });
  const weights = weightsOf(layout);
  const expected = layout.tokenise(weights);
  for (const [from, to] of [
    ['base_model.model.model.language_model.', 'base_model.model.model.'],
    ['base_model.model.', ''],
    ['.weight', '.default.weight'],
  ] as const) {
    const renamed = new Map(Array.from(weights, ([name, data]) => [name.replace(from, to), data]));
    expect(Buffer.compare(new Uint8Array(layout.tokenise(renamed).buffer), new Uint8Array(expected.buffer))).toBe(0);
  }
});

test('missing, misshapen and non-finite weights are refused by name', () => {
  const layout = new AdapterLayout({ base: base('smollm2-135m'), rank: 4, modules: ['k_proj'] });
  const name = 'base_model.model.model.layers.3.self_attn.k_proj.lora_B.weight';
  const attempt = (change: (weights: Map<string, Float32Array>) => void) => () => {
    const weights = weightsOf(layout);
    change(weights);
    layout.tokenise(weights);
  };
  expect(attempt((weights) => weights.delete(name))).toThrow(
    expect.objectContaining({ code: 'SHAPE_MISMATCH', message: `the adapter has no tensor ${name}` }),
  );
  expect(attempt((weights) => weights.set(name, new Float32Array(9)))).toThrow(
    expect.objectContaining({ code: 'SHAPE_MISMATCH', message: `${name}: [192, 4] takes 768 elements, not 9` }),
  );
  expect(attempt((weights) => weights.set('layers.3.self_attn.k_proj.lora_B.weight', new Float32Array(768)))).toThrow(
    'twice',
  );
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(
      attempt((weights) => {
        weights.get(name)![11] = value;
      }),
    ).toThrow(
      expect.objectContaining({
        code: 'INVALID_WEIGHTS',
        message: `${name} holds ${value} at [2, 3]; weights must be finite`,
      }),
    );
  }
  expect(attempt((weights) => weights.get(name)!.fill(3e38))).toThrow(
    expect.objectContaining({ code: 'INVALID_WEIGHTS', message: expect.stringContaining('too large') }),
  );
});

test('tokens of another size are refused', async () => {
  const layout = new AdapterLayout({ base: base('smollm2-135m'), rank: 4, modules: ['k_proj'] });
  const wrong = {
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/weight tokens of 6×194, \d+ elements, not 10/),
  };
  expect(() => layout.reconstructTensor(new Float32Array(10), layout.tensors[0]!)).toThrow(
    expect.objectContaining(wrong),
  );
  await expect(layout.reconstruct(new Float32Array(10))).rejects.toMatchObject(wrong);
});

test.each([
  [{ rank: 0 }, 'the rank: is not valid; expected a whole number from 1 to 8192, got 0'],
  [{ rank: 2.5 }, 'got 2.5'],
  [{ rank: 1e9 }, 'got 1000000000'],
  [{ chunk: 0 }, 'the chunk: is not valid; expected a whole number from 1 to 65536'],
  [{ modules: [] }, 'an adapter needs at least one module'],
  [{ modules: ['q_proj', 'c_attn'] }, 'there is no module "c_attn"; choose from q_proj, k_proj'],
  [{ modules: ['mlp.q_proj'] }, 'there is no module "mlp.q_proj"'],
])('impossible settings are refused: %j', (settings, message) => {
  const attempt = () => new AdapterLayout({ base: base('smollm2-135m'), rank: 4, ...settings });
  expect(attempt).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(attempt).toThrow(message);
});

test('reconstructing does not block the event loop, stops at an abort, and reports progress', async () => {
  const layout = new AdapterLayout({ base: base('qwen2.5-0.5b'), rank: 8 });
  const tokens = new Float32Array(layout.size);
  let turns = 0;
  let handle = setImmediate(function turn() {
    turns++;
    handle = setImmediate(turn);
  });
  const seen: number[] = [];
  const reconstructed = await layout.reconstruct(tokens, { onProgress: (fraction) => seen.push(fraction) });
  clearImmediate(handle);
  expect(reconstructed.size).toBe(336);
  expect(turns).toBeGreaterThan(2);
  expect(seen.at(-1)).toBe(1);
  const controller = new AbortController();
  const reconstructing = layout.reconstruct(tokens, { signal: controller.signal });
  controller.abort('enough');
  await expect(reconstructing).rejects.toBe('enough');
});

test('a layout survives JSON, with a base and without', () => {
  const ofBase = new AdapterLayout({
    base: base('qwen2.5-vl-3b'),
    rank: 5,
    modules: ['o_proj', 'up_proj'],
    chunk: 100,
  });
  const ofTensors = AdapterLayout.fromTensors(ofBase.tensors, { chunk: 100 });
  for (const layout of [ofBase, ofTensors]) {
    const again = AdapterLayout.fromJSON(JSON.parse(JSON.stringify(layout)), 'generator.json');
    expect(again).toEqual(layout);
    expect(again.tensors).toEqual(ofBase.tensors);
  }
});

test('a stored layout that cannot be right is a corrupt file', () => {
  const sound = JSON.parse(JSON.stringify(new AdapterLayout({ base: base('smollm2-135m'), rank: 4 })));
  const attempts: [unknown, string][] = [
    [null, 'expected a JSON object, got null'],
    [{ ...sound, rank: -1 }, 'rank: is not valid; expected a whole number from 1 to 1048576, got -1'],
    [{ ...sound, rank: 10_000 }, 'the rank: is not valid; expected a whole number from 1 to 8192, got 10000'],
    [{ ...sound, chunk: '128' }, 'chunk: is not valid; expected a whole number from 1 to 1048576, got "128"'],
    [{ ...sound, modules: ['q_proj', 'x'] }, 'modules: is not valid; expected a list of q_proj'],
    [{ ...sound, modules: [] }, 'modules: is not valid; expected a list of q_proj'],
    [{ ...sound, layersPath: 1 }, 'layersPath: is not valid; expected a text'],
    [
      { ...sound, base: { ...sound.base, heads: 0 } },
      'base.heads: is not valid; expected a whole number from 1 to 1048576, got 0',
    ],
    [{ ...sound, base: { ...sound.base, layers: 100_000 } }, 'the number of layers: is not valid'],
    [
      { ...sound, base: { ...sound.base, heads: 2 ** 20 } },
      'base.headDim: is not valid; expected a size with which heads · headDim is at most 1048576',
    ],
    [{ ...sound, base: { ...sound.base, name: 3 } }, 'base.name: is not valid; expected a text or null, got 3'],
    [{ ...sound, base: undefined }, 'base: is missing; expected a base model, or widths instead'],
    [
      { ...sound, base: undefined, widths: { hidden: 3 }, layers: [1, 0] },
      'layers: is not valid; expected a list of ascending numbers, got [1,0]',
    ],
    [{ ...sound, base: undefined, widths: { hidden: 3 }, layers: [0, 1] }, 'widths.query: is missing'],
  ];
  for (const [json, message] of attempts) {
    const attempt = () => AdapterLayout.fromJSON(json, 'generator.json');
    expect(attempt).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE' }));
    expect(attempt).toThrow(message);
    expect(attempt).toThrow('generator.json');
  }
});

test('the seven modules are those of the paper', () => {
  expect(MODULE_NAMES).toEqual(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'gate_proj', 'down_proj']);
});
