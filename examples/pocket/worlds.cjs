/**
 * The two worlds that are built, as numbers. They were chosen on splits that no published figure is about, and are
 * frozen: docs/pocket.md says how.
 */

/** config.json of the base. */
const baseConfig = (vocabSize) => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabSize,
  hidden_size: 64,
  intermediate_size: 192,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 16,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  torch_dtype: 'float32',
});

/** Settings of `trainLanguageModel`. Small initial matrices hardly learn to copy. */
const PRETRAINING = {
  steps: 2000,
  /** Of the base: with each the steps above, then twice as many, until this share of new stories is answered, for each question. */
  initialisations: 4,
  learnt: 0.95,
  batch: 16,
  learningRate: 5e-3,
  warmupSteps: 50,
  beta1: 0.9,
  beta2: 0.98,
  weightDecay: 0.01,
  initialDeviation: 0.12,
};

/** Settings of `dnd finetune`; the joint run is the one on neutral items. */
const FINETUNING = {
  rank: 4,
  alpha: 8,
  jointSteps: 150,
  jointLearningRate: 5e-3,
  steps: 60,
  checkpoints: 20,
  batch: 16,
  learningRate: 5e-3,
  beta1: 0.9,
  beta2: 0.99,
  weightDecay: 0,
  maxGradientNorm: 1,
};

/** Settings of `dnd train`: from 16 prompts of 32 words to the 80 weight tokens of an adapter. */
const GENERATOR = {
  encoder: 'hash',
  features: [
    [16, 32, 64],
    [48, 8, 96],
    [80, 4, 64],
  ],
  kernelSize: 5,
  maxLength: 32,
  chunk: 64,
  normalisation: 'residual',
  batch: 16,
  learningRate: 5e-3,
  warmupSteps: 30,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  tokenImportance: false,
};

const FULL = {
  /** Values of each attribute that tasks are made of, as places in the lists of words.cjs: 120 tasks. */
  questions: [0, 1, 2, 3, 4],
  speakers: [0, 1, 2, 3, 4, 5],
  manners: [0, 1, 2, 3],
  /** Whether held-out tasks get adapters of their own, to compare with. */
  ownAdapters: true,
  items: { train: 128, test: 20, neutral: 1024 },
  pretraining: PRETRAINING,
  finetuning: FINETUNING,
  generator: { ...GENERATOR, steps: 450 },
  /** Options of `dnd eval`. No reply has more than 10 tokens. */
  evaluation: ['--max-new-tokens', '16'],
};

/** Small enough for every change to the project: it shows whether anything generalises, not how well. */
const REDUCED = {
  ...FULL,
  questions: [1, 2, 4],
  speakers: [0, 1, 2, 3],
  manners: [0, 1, 2, 3],
  ownAdapters: false,
  items: { train: 96, test: 12, neutral: 512 },
  pretraining: { ...PRETRAINING, steps: 1200 },
  finetuning: { ...FINETUNING, jointSteps: 100, steps: 50, checkpoints: 10 },
  generator: { ...GENERATOR, steps: 300 },
  evaluation: ['--max-new-tokens', '16', '--draws', '2', '--single-limit', '12'],
};

module.exports = { baseConfig, FULL, REDUCED };
