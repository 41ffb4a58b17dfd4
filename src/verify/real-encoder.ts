import { ModelTextEncoder } from '../encoder/index.js';
import { type Check, compare, skip } from './checks.js';
import { ENCODER_REFERENCES } from './encoder-references.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { TOLERANCES, tolerancesOn } from './tolerances.js';

/** Prompts → token ids → hidden states by a real encoder, which the file names without its weights. */
export async function verifyRealEncoder(
  golden: GoldenFile,
  { encoder: folder, threads, device, signal }: VerifierOptions,
): Promise<Check[]> {
  if (folder === undefined) {
    const reason = `it requires the real weights of ${golden.file.metadata.weights}. Give their folder with --encoder`;
    return golden.names.map((name) => skip(name, reason));
  }
  const encoder = await ModelTextEncoder.load(folder, { threads, device, signal });
  try {
    const prompts = golden.texts('prompts');
    const request = { maxLength: golden.wholeNumber('max_length'), padding: 'encode', signal } as const;
    const { ids, mask } = await encoder.tokenise(prompts, request);
    const checks: Check[] = [];
    for (const [name, ours] of [
      ['input_ids', ids],
      ['attention_mask', mask],
    ] as const)
      if (golden.has(name)) checks.push(compare(name, ours, await golden.integers(name), TOLERANCES.exact));
    for (const [name, pooling] of ENCODER_REFERENCES) {
      if (!golden.has(name)) continue;
      const { hiddenStates } = await encoder.encode(prompts, { ...request, pooling });
      checks.push(compare(name, hiddenStates, await golden.floats(name), tolerancesOn(device).realEncoderHiddenStates));
    }
    return checks;
  } finally {
    encoder.dispose();
  }
}
