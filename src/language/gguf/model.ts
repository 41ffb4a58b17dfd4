import { configFromGguf } from '../../adapter/gguf-config.js';
import { GgufFile, metadataText } from '../../formats/gguf/index.js';
import type { WeightForm } from './tensor-names.js';
import { tokenizerFromGguf } from './tokenizer.js';
import { GgufWeights, readFrequencyFactors } from './weights.js';

/**
 * A causal language model in a GGUF file, as if it were a folder in the layout of Hugging Face; its weights stay in the
 * file.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, UNSUPPORTED_FORMAT; UNSUPPORTED_BASE, SHAPE_MISMATCH,
 * INVALID_WEIGHTS
 */
export async function readGgufModel(path: string) {
  const file = await GgufFile.open(path);
  try {
    const config = configFromGguf(file);
    const form = formOf(file, config);
    const { tokenizer, tokenizerConfig } = await tokenizerFromGguf(file);
    return {
      folder: path,
      configPath: path,
      config,
      tokenizer,
      tokenizerConfig,
      generationConfig: {},
      chatTemplate: undefined,
      frequencyFactors: await readFrequencyFactors(file, form),
      openWeights: async () => weightsOf(path, form),
    };
  } finally {
    await file.close();
  }
}

async function weightsOf(path: string, form: WeightForm): Promise<GgufWeights> {
  const file = await GgufFile.open(path);
  try {
    return new GgufWeights(file, form);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function formOf({ metadata, path }: GgufFile, config: Record<string, unknown>): WeightForm {
  return {
    architecture: metadataText(metadata, 'general.architecture', path)!,
    heads: config.num_attention_heads as number,
    kvHeads: config.num_key_value_heads as number,
    headDim: config.head_dim as number,
  };
}
