import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CausalEngine } from '../../src/engine/index.js';
import { fromFloat32 } from '../../src/formats/dtypes.js';
import { writeSafetensors } from '../../src/formats/safetensors/index.js';
import { causalConfigFromJson } from '../../src/language/config.js';

export const TOKENIZERS = join(__dirname, '..', 'fixtures', 'language');

/** A Llama whose vocabulary fits the tokenizers of the fixtures. */
export const TINY_CONFIG = {
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 384,
  max_position_embeddings: 96,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};

export interface TinyBaseOptions {
  config?: object;
  tokenizer?: 'byte-level' | 'byte-fallback';
  /** Files to write beside, or instead of, the usual ones; undefined: leave it out. */
  files?: Record<string, object | string | undefined>;
  seed?: number;
  /** Of all tensors in the file. */
  dtype?: 'F32' | 'F16' | 'BF16';
}

/** Writes a base with random weights, in the layout of Hugging Face. */
export async function writeTinyBase(folder: string, options: TinyBaseOptions = {}): Promise<string> {
  const { tokenizer = 'byte-level', seed = 1, dtype = 'F32', files = {} } = options;
  const config = { ...TINY_CONFIG, ...options.config };
  await mkdir(folder, { recursive: true });
  const engine = await CausalEngine.create({ ...causalConfigFromJson(config, 'config').sizes, threads: 1 });
  try {
    await engine.initialise(seed, 0.3);
    const tensors = engine.parameters.map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return { name, dtype, shape, bytes: () => [fromFloat32(engine.readParameter(name, 0, count), dtype)] };
    });
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });
  } finally {
    engine.dispose();
  }
  const text = (name: string) => readFileSync(join(TOKENIZERS, tokenizer, name), 'utf8');
  const all: Record<string, object | string | undefined> = {
    'config.json': config,
    'tokenizer.json': text('tokenizer.json'),
    'tokenizer_config.json': text('tokenizer_config.json'),
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    if (content === undefined) continue;
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}
