import { join } from 'node:path';
import { AdapterLayout, type BaseModel } from '../../src/adapter/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { FIXTURES } from './bases.js';

interface GoldenBase {
  hidden: number;
  heads: number;
  kv_heads: number;
  head_dim: number;
  intermediate: number;
}

async function readGolden(name: string) {
  const file = await SafetensorsFile.open(join(FIXTURES, 'layout', `${name}.safetensors`));
  const tensors = new Map<string, Float32Array>();
  for (const tensor of file.tensors.keys()) tensors.set(tensor, await file.readFloat32(tensor));
  await file.close();
  const under = (prefix: string) =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, data]) => [key.slice(prefix.length), data]),
    );
  const { base, layers, rank, chunk, module_order } = file.metadata;
  const golden: GoldenBase = JSON.parse(base!);
  const model: BaseModel = {
    name: null,
    modelType: 'llama',
    hidden: golden.hidden,
    heads: golden.heads,
    kvHeads: golden.kv_heads,
    headDim: golden.head_dim,
    intermediate: golden.intermediate,
    layers: Number(layers),
  };
  const layout = new AdapterLayout({ base: model, rank: Number(rank), modules: JSON.parse(module_order!) });
  expect(layout.chunk).toBe(Number(chunk));
  return { layout, tensors, weights: under('weight.'), reconstructed: under('restored.') };
}

/** ‖a − b‖ / ‖b‖ over the elements that both have; the same ones must be NaN. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  expect(actual.findIndex((value, i) => Number.isNaN(value) !== Number.isNaN(expected[i]!))).toBe(-1);
  let difference = 0;
  let norm = 0;
  for (const [i, value] of expected.entries()) {
    if (Number.isNaN(value)) continue;
    difference += (actual[i]! - value) ** 2;
    norm += value ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}

function deviationOf(weights: ReadonlyMap<string, Float32Array>): number {
  const all = [...weights.values()].flatMap((data) => [...data]);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length);
}

test.each(['fresh', 'query_value', 'ragged', 'small_weights', 'noisy'])(
  'layout_%s: tokens and the way back agree with the published code',
  async (name) => {
    const { layout, tensors, weights } = await readGolden(name);
    const tokens = layout.tokenise(weights);
    expect(relativeError(tokens, tensors.get('tokens')!)).toBeLessThanOrEqual(1e-6);
    const tolerance = 1e-6 * Math.max(1, 0.04 / deviationOf(weights));
    for (const [tensor, data] of await layout.reconstruct(tokens)) {
      expect(relativeError(data, weights.get(tensor)!)).toBeLessThanOrEqual(tolerance);
    }
  },
);

test('margins that disagree are read as the published code reads them', async () => {
  const { layout, tensors, reconstructed } = await readGolden('noisy');
  expect(reconstructed.size).toBe(layout.tensors.length);
  for (const tensor of layout.tensors) {
    const data = layout.reconstructTensor(tensors.get('noisy_tokens')!, tensor);
    expect(relativeError(data, reconstructed.get(tensor.name)!)).toBeLessThanOrEqual(1e-6);
  }
});
