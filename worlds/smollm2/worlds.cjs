const { comparisonWorld } = require('./comparison.cjs');
const { FULL } = require('./instructions/world.cjs');
const { NAMES } = require('./styles/data.cjs');

/**
 * The worlds that are built on SmolLM2-135M-Instruct, as numbers. Every part is a configuration of what reads it: `data` of
 * the data's maker (`kind`), `joint` and `single` of `dnd finetune`, `generator` of `dnd train`. They were chosen on tasks
 * that no published figure is about: training tasks, or those for development.
 * - `watched`: the flag in `index.json` of tasks whose answers are evaluated during training;
 * - `minutes`: what stages take on two cores, roughly; only to say how much time is left;
 * - `shipped`: what of the world goes into the package: its `generator`, and tasks for the `demo`.
 */

/** LoRA of rank 4 on four of the seven modules: 622,080 numbers. */
const ADAPTER = { rank: 4, alpha: 8, modules: ['q_proj', 'v_proj', 'o_proj', 'down_proj'] };

/** One adapter for all training tasks, from which everything else starts. */
const JOINT = { jointSteps: 260, jointBatch: 16, jointLearningRate: 1e-3, schedule: 'cosine', warmupSteps: 10 };

/** LoRAs of single tasks, to compare with: they continue from the joint one. */
const SINGLE = { steps: 39, checkpoints: 1, batch: 8, learningRate: 1e-3, checkpointLearningRate: 1e-3 };

/** From 16 prompts of 24 tokens to 810 weight tokens: 810 chunks of 4 × 192 are an adapter. */
const GENERATOR = {
  loss: 'behaviour',
  conditionComponents: 64,
  features: [
    [16, 24, 64],
    [32, 12, 96],
    [96, 8, 144],
    [810, 4, 192],
  ],
  kernelSize: 5,
  chunk: 192,
  padding: 'zero',
  batch: 4,
  sequences: 4,
  startDeviation: 0.002,
  steps: 700,
  learningRate: 2e-3,
  warmupSteps: 20,
  beta2: 0.99,
  weightDecay: 0,
  evaluateEvery: 100,
  evaluationItems: 5,
  checkpointEvery: 100,
};

const STYLES = {
  name: NAMES.combinations,
  kind: 'styles',
  watched: 'heldOut',
  minutes: { data: 0.3, joint: 35, generator: 60, singles: 10, evaluation: 15 },
  shipped: ['generator', 'demo'],
  data: { split: 'combinations', items: { train: 64, test: 20 } },
  joint: { ...ADAPTER, ...JOINT, jointSteps: 600 },
  single: { ...SINGLE, trainingTasks: 4, heldOutTasks: 8 },
  generator: { ...GENERATOR, steps: 900, evaluateEvery: 150 },
  /** Held-out tasks that are evaluated beside those with LoRAs of their own. */
  evaluation: { tasks: 24, draws: 3, maxNewTokens: 24 },
};

/** The harder split: whole pairs of format and closing, and a domain, are held out. Trained about half as long. */
const STYLES_BY_PAIRS = {
  ...STYLES,
  name: NAMES.pairs,
  shipped: [],
  data: { ...STYLES.data, split: 'pairs' },
  joint: { ...STYLES.joint, jointSteps: 300 },
  generator: { ...GENERATOR, steps: 500 },
};

/**
 * One vector for each prompt instead of one for each of its tokens, and coefficients of 32 adapters that are learned with
 * the decoder: the tasks are unlike each other, their answers short. More tasks in a step, half the learning rate.
 */
const INSTRUCTIONS_GENERATOR = {
  ...GENERATOR,
  pooling: 'mean',
  maxLength: 32,
  conditionComponents: 128,
  basis: 32,
  basisKind: 'learned',
  features: [
    [16, 1, 128],
    [32, 4, 96],
    [64, 4, 96],
    [32, 1, 1],
  ],
  batch: 8,
  sequences: 3,
  steps: 800,
  learningRate: 1e-3,
  evaluateEvery: 200,
  evaluationTasks: 25,
  evaluationItems: 8,
};

/** Its generator is not shipped: README.md says what it reached. */
const INSTRUCTIONS = {
  name: 'instructions',
  kind: 'instructions',
  watched: 'development',
  minutes: { data: 0.5, joint: 18, generator: 70, singles: 40, evaluation: 45 },
  shipped: [],
  data: { ...FULL, kept: { train: 64, test: 20 } },
  joint: { ...ADAPTER, ...JOINT, jointSteps: 500 },
  single: { ...SINGLE, trainingTasks: 8, heldOutTasks: 24 },
  generator: INSTRUCTIONS_GENERATOR,
  evaluation: { tasks: 49, draws: 3, maxNewTokens: 20 },
};

/** Six instruction tasks on a tiny random base, for every change to the project: it shows that the build works, not how well. */
const REDUCED = {
  name: 'reduced',
  kind: 'instructions',
  watched: 'development',
  minutes: { data: 0.05, joint: 0.05, generator: 0.1, singles: 0.05, evaluation: 0.05 },
  shipped: [],
  data: {
    only: [
      'choose_first_of_3',
      'letters-bracketed',
      'number-double',
      'letters-twice',
      'letters-without-vowels',
      'number-half',
    ],
    items: { train: 32, test: 6 },
    least: { tasks: 6, heldOut: 2, development: 1, train: 24, test: 6 },
  },
  joint: { ...ADAPTER, ...JOINT, jointSteps: 40, jointBatch: 8, jointLearningRate: 1e-2 },
  single: { ...SINGLE, steps: 9, trainingTasks: 2, heldOutTasks: 2 },
  generator: {
    ...GENERATOR,
    conditionComponents: 16,
    features: [
      [8, 16, 16],
      [16, 8, 16],
      [32, 4, 16],
    ],
    chunk: 16,
    batch: 3,
    sequences: 2,
    steps: 80,
    warmupSteps: 5,
    evaluateEvery: 40,
    evaluationTasks: 1,
    checkpointEvery: 20,
  },
  evaluation: { tasks: 2, draws: 2, maxNewTokens: 8 },
};

const COMPARISON = comparisonWorld({ adapter: ADAPTER, joint: JOINT, generator: GENERATOR });

const SPLITS = { combinations: STYLES, pairs: STYLES_BY_PAIRS };
const WORLDS = ['styles', 'instructions', 'reduced', 'comparison'];

/**
 * The worlds to build.
 * @param {string[]} names of WORLDS
 * @param {string} [split] of the house styles: `combinations` (default) or `pairs`
 * @throws Error for an unknown name, or a split without the house styles
 */
function worldsOf(names, split) {
  const unknown = names.find((name) => !WORLDS.includes(name));
  if (unknown !== undefined)
    throw new Error(`--world: expected some of ${WORLDS.join(', ')}, got ${JSON.stringify(unknown)}`);
  if (split !== undefined && !Object.hasOwn(SPLITS, split))
    throw new Error(`--split: expected ${Object.keys(SPLITS).join(' or ')}, got ${JSON.stringify(split)}`);
  if (split !== undefined && !names.includes('styles'))
    throw new Error(`--split is of the world styles; expected it among --world, got ${names.join(',')}`);
  const worlds = {
    styles: SPLITS[split ?? 'combinations'],
    instructions: INSTRUCTIONS,
    reduced: REDUCED,
    comparison: COMPARISON,
  };
  return [...new Set(names)].map((name) => worlds[name]);
}

module.exports = { COMPARISON, INSTRUCTIONS, REDUCED, STYLES, worldsOf };
