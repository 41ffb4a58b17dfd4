import { HashEncoder, ModelEncoder } from '../encoder/index.js';
import { DndError } from '../errors.js';
import { type Check, compare, skip } from './checks.js';
import { ENCODER_REFERENCES } from './encoder-references.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { verifyRealEncoder } from './real-encoder.js';
import { TOLERANCES, tolerancesOn } from './tolerances.js';

/** Token ids or prompts → hidden states, by the encoder in the file, the built-in one, or one given by the user. */
export async function verifyEncoder(golden: GoldenFile, options: VerifierOptions): Promise<Check[]> {
  if (golden.hasSetting('weights')) return verifyRealEncoder(golden, options);
  const config = golden.setting('config');
  const type = (config as { model_type?: unknown } | null)?.model_type;
  if (type === 'hash') return verifyHash(golden, config);
  try {
    return await verifyBert(golden, config, options);
  } catch (error) {
    if (!(error instanceof DndError && error.code === 'UNSUPPORTED_ENCODER')) throw error;
    const references = ENCODER_REFERENCES.filter(([name]) => golden.has(name));
    return references.map(([name]) => skip(name, error.message));
  }
}

async function verifyHash(golden: GoldenFile, config: unknown): Promise<Check[]> {
  const encoder = new HashEncoder((config as { channels: number }).channels);
  const request = { maxLength: golden.wholeNumber('max_length'), padding: 'encode', pooling: 'none' } as const;
  const { hiddenStates } = await encoder.encode(golden.texts('prompts'), request);
  return [compare('hidden_states', hiddenStates, await golden.floats('hidden_states'), TOLERANCES.hashHiddenStates)];
}

async function verifyBert(golden: GoldenFile, config: unknown, options: VerifierOptions): Promise<Check[]> {
  const { threads, device, signal } = options;
  const { bertHiddenStates } = tolerancesOn(device);
  const encoder = await ModelEncoder.create(config, golden.file, { threads, device, signal });
  try {
    const [ids, mask] = [await golden.integers('input_ids'), await golden.integers('attention_mask')];
    const [prompts, length] = idsShape(golden);
    const window = golden.hasSetting('window') ? golden.wholeNumber('window') : undefined;
    const checks: Check[] = [];
    for (const [name, pooling] of ENCODER_REFERENCES) {
      if (!golden.has(name)) continue;
      const hiddenStates = await encoder.encodeIds({
        ids,
        mask,
        prompts,
        length,
        window,
        padding: 'encode',
        pooling,
        signal,
      });
      checks.push(compare(name, hiddenStates, await golden.floats(name), bertHiddenStates));
    }
    return checks;
  } finally {
    encoder.dispose();
  }
}

function idsShape(golden: GoldenFile): [prompts: number, length: number] {
  const [prompts, length, ...rest] = golden.shape('input_ids');
  const mask = golden.shape('attention_mask');
  if (
    prompts === undefined ||
    length === undefined ||
    rest.length > 0 ||
    mask.length !== 2 ||
    mask[0] !== prompts ||
    mask[1] !== length
  )
    throw golden.wrong('input_ids and attention_mask must have the same shape [prompts, length]');
  return [prompts, length];
}
