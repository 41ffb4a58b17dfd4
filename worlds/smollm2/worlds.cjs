/**
 * The worlds that are built on SmolLM2-135M-Instruct, as numbers. Every part is a configuration of the command that reads
 * it: `finetune` of `dnd finetune`, `generator` of `dnd train`. They were chosen on training tasks.
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
  name: 'house-styles',
  data: { items: { train: 64, test: 20 } },
  joint: { ...ADAPTER, ...JOINT },
  single: { ...SINGLE, trainingTasks: 4, heldOutTasks: 8 },
  generator: GENERATOR,
  /** Held-out tasks that are evaluated beside those with LoRAs of their own. */
  evaluation: { tasks: 24, draws: 3, maxNewTokens: 24 },
};

module.exports = { STYLES };
