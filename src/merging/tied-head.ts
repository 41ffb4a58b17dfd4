import { isObject } from '../validation/index.js';

/** Types whose lm_head is the embedding unless config.json says otherwise: measured with transformers 5.23.0. */
const TIED_BY_DEFAULT: ReadonlySet<string> = new Set([
  'gemma',
  'gemma2',
  'gemma3',
  'gemma3_text',
  'mistral3',
  'smollm3',
  'gpt2',
  'openai-gpt',
  'falcon',
]);

/** Whether a base's config.json says that its lm_head and its input embeddings are one matrix. */
export function isHeadTied(config: Readonly<Record<string, unknown>>): boolean {
  const text = isObject(config.text_config) ? config.text_config : {};
  for (const { tie_word_embeddings: tied } of [config, text]) if (typeof tied === 'boolean') return tied;
  return typeof config.model_type === 'string' && TIED_BY_DEFAULT.has(config.model_type);
}

/** Whether a module of an adapter is the layer from hidden states to words. */
export function isHead(module: string): boolean {
  return /(?:^|\.)(?:lm_head|embed_out)$/.test(module);
}
