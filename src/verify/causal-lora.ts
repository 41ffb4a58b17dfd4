import {
  type CausalEngine,
  type CausalSequences,
  CausalTrainerEngine,
  type LikelihoodSum,
  labelledCounts,
  type OptimiserOptions,
  type SequenceAdapters,
} from '../engine/index.js';
import { elementCount } from '../formats/dtypes.js';
import { type Check, compare, skip } from './checks.js';
import { normOf } from './compare.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { TOLERANCES, tolerancesOn } from './tolerances.js';

const GRADIENT = 'grad.';
const TRAINED = 'trained.';

type Adapted = CausalSequences & { lora: SequenceAdapters };

/** An adapter beside the model → logits, the loss and its gradient, and what AdamW makes of the adapter. */
export async function verifyLora(
  golden: GoldenFile,
  model: CausalEngine,
  batch: Adapted,
  options: VerifierOptions,
): Promise<Check[]> {
  const checks: Check[] = [];
  if (golden.has('lora_logits')) {
    const logits = await model.logits(batch, { signal: options.signal });
    checks.push(
      compare('lora_logits', logits, await golden.floats('lora_logits'), tolerancesOn(options.device).causalLogits),
    );
  }
  if (!golden.has('labels')) return checks;
  const labels = await golden.integers('labels');
  if (labels.length !== batch.ids.length) throw golden.wrong('labels must have the shape of input_ids');
  const training = trainingOf(golden);
  const trainer = await CausalTrainerEngine.create(model, {
    threads: options.threads,
    parameters: { trained: 'lora', ...shapeOf(batch.lora) },
    optimiser: training?.optimiser ?? UNUSED,
  });
  try {
    writeAdapter(trainer, batch.lora.adapters[0]!);
    const sequences = { ids: batch.ids, lengths: batch.lengths };
    const run = new Run(trainer, sequences, labels, options.signal);
    checks.push(...(await verifyGradients(golden, run)));
    checks.push(...(await verifyTraining(golden, run, training)));
    return checks;
  } finally {
    trainer.dispose();
  }
}

/** Unused, since nothing is updated. */
const UNUSED: OptimiserOptions = {
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 0,
  moments: 'fp32',
};

/** A trainer with the one batch that it learns. */
class Run {
  readonly #weight: number;

  constructor(
    readonly trainer: CausalTrainerEngine,
    private readonly sequences: CausalSequences,
    private readonly labels: Int32Array,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#weight = 1 / labelledCounts(sequences.lengths, labels).reduce((sum, count) => sum + count, 0);
  }

  /** The mean loss over the labels; its gradient is accumulated. */
  async loss(): Promise<number> {
    const sums = await this.trainer.accumulate(this.sequences, this.labels, this.#weight, { signal: this.signal });
    return -sums.reduce((total, { sum }: LikelihoodSum) => total + sum, 0) * this.#weight;
  }

  async step(learningRate: number): Promise<number> {
    const loss = await this.loss();
    await this.trainer.update(learningRate, { signal: this.signal });
    return loss;
  }

  read(kind: 'readParameter' | 'readGradient'): Map<string, Float32Array> {
    return new Map(
      this.trainer.parameters.map(({ name, shape }) => [name, this.trainer[kind](name, 0, elementCount(shape))]),
    );
  }
}

async function verifyGradients(golden: GoldenFile, run: Run): Promise<Check[]> {
  const loss = await run.loss();
  const checks: Check[] = golden.hasSetting('loss')
    ? [compare('loss', [loss], [golden.number('loss')], TOLERANCES.causalLoss)]
    : [];
  const gradients = run.read('readGradient');
  run.trainer.resetGradient();
  const whole = normOf(gradients.values());
  return [...checks, ...(await compareEach(golden, gradients, GRADIENT, TOLERANCES.gradients, whole))];
}

async function verifyTraining(golden: GoldenFile, run: Run, training: Training | null): Promise<Check[]> {
  const names = golden.names.filter((name) => name === 'training_losses' || name.startsWith(TRAINED));
  if (names.length === 0) return [];
  if (training === null) return names.map((name) => skip(name, `its metadata training is not of the form: ${FORM}`));
  const losses: number[] = [];
  for (let step = 0; step < training.steps; step++) losses.push(await run.step(training.learningRate));
  const checks: Check[] = golden.has('training_losses')
    ? [compare('training_losses', losses, await golden.floats('training_losses'), TOLERANCES.losses)]
    : [];
  const trained = run.read('readParameter');
  return [...checks, ...(await compareEach(golden, trained, TRAINED, TOLERANCES.trainedParameters))];
}

async function compareEach(
  golden: GoldenFile,
  found: ReadonlyMap<string, Float32Array>,
  prefix: string,
  tolerance: number,
  whole?: number,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const reference of golden.names.filter((name) => name.startsWith(prefix))) {
    const ours = found.get(reference.slice(prefix.length));
    checks.push(
      ours === undefined
        ? skip(reference, 'the adapter has no matrix of that name')
        : compare(reference, ours, await golden.floats(reference), tolerance, whole),
    );
  }
  return checks;
}

function writeAdapter(trainer: CausalTrainerEngine, adapter: Float32Array): void {
  let offset = 0;
  for (const { name, shape } of trainer.parameters) {
    const values = adapter.subarray(offset, offset + elementCount(shape));
    trainer.writeParameter(name, 0, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'F32');
    offset += values.length;
  }
}

function shapeOf({ rank, modules, layers, scale }: SequenceAdapters) {
  return { rank, modules: [...modules], layers: [...layers], scale };
}

interface Training {
  steps: number;
  learningRate: number;
  optimiser: OptimiserOptions;
}

const FORM = '10 steps AdamW lr 5e-3 betas .9 .99 eps 1e-8 decay .01 clip 1';
const NUMBER = '([\\d.e+-]+)';
const TRAINING = new RegExp(
  `^${NUMBER} steps AdamW lr ${NUMBER} betas ${NUMBER} ${NUMBER} eps ${NUMBER} decay ${NUMBER} clip ${NUMBER}$`,
);

/** The run that the metadata describes, in the one form it has; null if there is none, or in another form. */
function trainingOf(golden: GoldenFile): Training | null {
  const found = TRAINING.exec(golden.file.metadata.training?.trim() ?? '');
  if (!found) return null;
  const [steps, learningRate, beta1, beta2, eps, weightDecay, maxGradientNorm] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    steps,
    learningRate,
    optimiser: { beta1, beta2, eps, weightDecay, maxGradientNorm, moments: 'fp32' },
  };
}
