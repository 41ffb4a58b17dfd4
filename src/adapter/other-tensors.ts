import { isOtherTower } from './names.js';

/** What an adapter holds besides the LoRA matrices of a layout, and how to get an adapter without it. */
export interface OtherContent {
  /** "the embeddings themselves" … */
  what: string;
  /** As an imperative. */
  advice: string;
}

const TRAIN_WITHOUT = (what: string) => `Train again ${what}`;

/** Tensors of adapters that are more than LoRA, or not PEFT's, by a part of their names. */
const TENSORS: readonly (OtherContent & { name: RegExp })[] = [
  { name: /\.lora_magnitude_vector\b/, what: 'DoRA', advice: TRAIN_WITHOUT('with use_dora=False') },
  { name: /\.lora_diag\b/, what: 'KaSA', advice: TRAIN_WITHOUT('without kasa_config') },
  {
    name: /\.lora_embedding_[AB]\b/,
    what: 'LoRA on embeddings',
    advice: TRAIN_WITHOUT('without embed_tokens in target_modules'),
  },
  { name: /\.modules_to_save\b/, what: 'fully trained modules', advice: TRAIN_WITHOUT('without modules_to_save') },
  {
    name: /\.trainable_tokens_delta$/,
    what: 'trained token embeddings',
    advice: TRAIN_WITHOUT('without trainable_token_indices'),
  },
  { name: /\bbias$/, what: 'trained biases', advice: TRAIN_WITHOUT('with bias="none" and lora_bias=False') },
  {
    name: /(?:^|\.)(?:embed_tokens|lm_head|wte|word_embeddings|embed_in|embed_out)(?:\.base_layer|\.original_module)?\.weight$/,
    what: 'a whole embedding or output matrix, which PEFT saves when the vocabulary was resized, or when it is a target or in modules_to_save',
    advice:
      'If it was not trained, save again with save_pretrained(…, save_embedding_layers=False); if it was, train again without it',
  },
  {
    name: /(?:^|\.|_)(?:layer)?norm\.weight$/,
    what: 'a fully trained layer norm',
    advice: TRAIN_WITHOUT('without the norms (PEFT: modules_to_save)'),
  },
  {
    name: /\.(?:base_layer|\w+_proj)\.weight$/,
    what: 'not a LoRA matrix but a weight of the base model, as a state dict of the whole model has',
    advice: 'Save the adapter alone, with save_pretrained of the PeftModel',
  },
  {
    name: /\.lora_[ab]$/,
    what: 'a matrix of an MLX adapter (mlx_lm), not of a PEFT adapter',
    advice: 'Convert the MLX adapter first',
  },
  {
    name: /\.lora_[ab]\.weight$/,
    what: 'a LoRA matrix under torchtune’s names',
    advice: 'Save it in PEFT’s format (torchtune: FullModelHFCheckpointer writes adapter_model.safetensors)',
  },
  {
    name: /\blora_(?:up|down)\b/,
    what: 'a LoRA matrix under the names of image models (lora_up, lora_down)',
    advice: 'Give the adapter of a language model',
  },
];

/** Modules with LoRA matrices that no adapter layout has. */
const MODULES: readonly (OtherContent & { matches: (module: string) => boolean })[] = [
  {
    matches: (module) => /(?:^|\.)(?:lm_head|embed_out|output_layer)$/.test(module),
    what: 'LoRA on the output layer (lm_head)',
    advice: TRAIN_WITHOUT('without lm_head in target_modules'),
  },
  {
    matches: isOtherTower,
    what: 'LoRA on a vision or audio tower',
    advice: TRAIN_WITHOUT(
      'on the language model alone (PEFT: exclude_modules, such as ".*(visual|vision_tower|vision_model).*")',
    ),
  },
  {
    matches: (module) => /(?:^|\.)(?:experts\.\d+|block_sparse_moe|shared_expert)\b/.test(module),
    what: 'LoRA on an expert of a mixture of experts',
    advice: TRAIN_WITHOUT('on a dense model'),
  },
];

/** Tensors that PEFT needs to go on training (VeLoRA, MonteCLoRA): the adapter means the same without them. */
const TRAINING_ONLY = /\.lora_(?:velora_embed|monteclora_sampler)\b/;

export function isTrainingOnly(name: string): boolean {
  return TRAINING_ONLY.test(name);
}

/** What a tensor that is not a LoRA matrix is; undefined if unknown. */
export function otherTensor(name: string): OtherContent | undefined {
  return TENSORS.find((entry) => entry.name.test(name));
}

/** What LoRA on a module outside of a language model's layers is; undefined if unknown. */
export function otherModule(module: string): OtherContent | undefined {
  return MODULES.find(({ matches }) => matches(module));
}
