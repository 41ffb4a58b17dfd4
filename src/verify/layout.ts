import { AdapterLayout, type BaseModel, type LayoutTensor } from '../adapter/index.js';
import { reconstructAdapters } from '../engine/index.js';
import { Fields } from '../validation/index.js';
import { type Check, compare } from './checks.js';
import { standardDeviation } from './compare.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { roundTripTolerance, TOLERANCES } from './tolerances.js';

const WEIGHT = 'weight.';
const RESTORED = 'restored.';

/** LoRA weights → weight tokens; these and noisy tokens → LoRA weights, on the device. */
export async function verifyLayout(golden: GoldenFile, options: VerifierOptions): Promise<Check[]> {
  const layout = new AdapterLayout({
    base: baseModel(golden),
    rank: golden.wholeNumber('rank'),
    modules: golden.texts('module_order').map((path) => path.slice(path.lastIndexOf('.') + 1)),
    chunk: golden.wholeNumber('chunk'),
  });
  requireWeights(golden, layout);
  const weights = await golden.floatsUnder(WEIGHT);
  const tokens = layout.tokenise(weights);
  const checks: Check[] = [];
  if (golden.has('tokens')) {
    const reference = await golden.floats('tokens');
    const stride = golden.hasSetting('token_stride') ? Math.max(golden.wholeNumber('token_stride'), 1) : 1;
    checks.push(compare('tokens', everyNthToken(tokens, layout, stride), reference, TOLERANCES.weightTokens));
  }
  if (golden.has('noisy_tokens')) checks.push(...(await verifyNoisy(golden, layout, options)));
  const reconstructed = await reconstruct(layout, tokens, options);
  for (const tensor of layout.tensors) {
    const reference = weights.get(tensor.name)!;
    const tolerance = roundTripTolerance(standardDeviation(reference));
    checks.push(compare(WEIGHT + tensor.name, reconstructed(tensor), reference, tolerance));
  }
  return checks;
}

/** Checked before anything is allocated with sizes from the metadata. */
function requireWeights(golden: GoldenFile, layout: AdapterLayout): void {
  for (const { name, shape } of layout.tensors) {
    const found = golden.shape(WEIGHT + name);
    if (found.length === 2 && found.every((size, axis) => size === shape[axis])) continue;
    throw golden.wrong(`${WEIGHT}${name} is [${found.join(', ')}], and the layout has [${shape.join(', ')}]`);
  }
}

async function reconstruct(layout: AdapterLayout, tokens: Float32Array, { threads, device, signal }: VerifierOptions) {
  const [values] = await reconstructAdapters(tokens, 1, layout.flat(), { threads, device, signal });
  return ({ offset, shape }: LayoutTensor) => values!.subarray(offset, offset + shape[0] * shape[1]);
}

async function verifyNoisy(golden: GoldenFile, layout: AdapterLayout, options: VerifierOptions): Promise<Check[]> {
  const expected = [layout.tokenCount, layout.tokenHeight, layout.tokenWidth];
  const found = golden.shape('noisy_tokens');
  if (found.length !== 3 || expected.some((size, axis) => size !== found[axis]))
    throw golden.wrong(
      `noisy_tokens has the wrong shape; expected [${expected.join(', ')}] by the layout, got [${found.join(', ')}]`,
    );
  const reconstructed = await reconstruct(layout, await golden.floats('noisy_tokens'), options);
  const references = await golden.floatsUnder(RESTORED);
  const checks: Check[] = [];
  for (const [name, reference] of references) {
    const tensor = layout.tensors.find((candidate) => candidate.name === name);
    if (!tensor) throw golden.wrong(`${RESTORED}${name} is not a tensor of the layout`);
    checks.push(compare(RESTORED + name, reconstructed(tensor), reference, TOLERANCES.reconstructedWeights));
  }
  return checks;
}

function everyNthToken(tokens: Float32Array, layout: AdapterLayout, stride: number): Float32Array {
  const size = layout.tokenHeight * layout.tokenWidth;
  const count = Math.ceil(layout.tokenCount / stride);
  const picked = new Float32Array(count * size);
  for (let index = 0; index < count; index++) {
    const first = index * stride * size;
    picked.set(tokens.subarray(first, first + size), index * size);
  }
  return picked;
}

function baseModel(golden: GoldenFile): BaseModel {
  const fields = new Fields(golden.setting('base'), golden.file.path, 'metadata base');
  return {
    name: null,
    modelType: 'golden',
    hidden: fields.wholeNumber('hidden', 1),
    heads: fields.wholeNumber('heads', 1),
    kvHeads: fields.wholeNumber('kv_heads', 1),
    headDim: fields.wholeNumber('head_dim', 1),
    intermediate: fields.wholeNumber('intermediate', 1),
    layers: golden.wholeNumber('layers'),
  };
}
