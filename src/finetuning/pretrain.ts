import { join, resolve } from 'node:path';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { CausalEngine, CausalTrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { checkFolderOutput, writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { elementCount, fromFloat32 } from '../formats/dtypes.js';
import { writeSafetensorsSharded } from '../formats/safetensors/index.js';
import { causalConfigFromJson, type EncodedExample, encodeSequence, LanguageTokeniser } from '../language/index.js';
import { checkSettings } from '../settings/index.js';
import { learningRateAt } from '../training/schedule.js';
import { checkOptions, checkPath, invalidValue } from '../validation/index.js';
import { drawBatch } from './batches.js';
import { PRETRAIN_SETTINGS, type PretrainSettings } from './pretrain-settings.js';
import { CHECKPOINT_DTYPES } from './settings.js';
import { runStep } from './step.js';

/** A step of pre-training. */
export interface PretrainStep {
  /** Number of steps done. */
  step: number;
  /** Number of steps in all. */
  steps: number;
  /** Mean over the labelled tokens of the batch, in nats, before the step. */
  loss: number;
  /** Norm of the gradient over all weights, before clipping. */
  gradientNorm: number;
  /** Learning rate of the step. */
  learningRate: number;
  /** Wall-clock time of the step. */
  seconds: number;
}

/** A sequence to learn: token ids, all of which are predicted, or ids with labels of their own (−100: ignored). */
export type TrainingSequence = ArrayLike<number> | Pick<EncodedExample, 'ids' | 'labels'>;

/** What a model is trained from, and where it goes. For defaults see `PRETRAIN_SETTINGS`. */
export interface TrainLanguageModelOptions extends Partial<PretrainSettings>, LongOperation {
  /** Contents of config.json, of the Llama, Mistral, Qwen2 or Qwen3 family. */
  config: object;
  /** Contents of tokenizer.json. */
  tokenizer: object;
  /** Contents of tokenizer_config.json. */
  tokenizerConfig?: object | undefined;
  /** Contents of generation_config.json. */
  generationConfig?: object | undefined;
  /** Sequences of at most `max_position_embeddings` tokens. */
  corpus: readonly TrainingSequence[];
  /** Output folder of the model, in the layout of Hugging Face. */
  out: string;
  /** Replace an existing model. */
  force?: boolean | undefined;
  /** Called after each step. */
  onStep?: ((step: PretrainStep) => void) | undefined;
}

/** The result of `trainLanguageModel`. */
export interface TrainedLanguageModel {
  /** Folder of the model. */
  out: string;
  /** Mean loss of the last tenth of the steps, in nats per labelled token. */
  loss: number;
}

/**
 * Trains all weights of a small language model from random ones, and writes it in the layout of Hugging Face:
 * config.json, model.safetensors, tokenizer.json. The folder appears whole or not at all. The same options give the same
 * bytes on one instruction set, for any number of threads.
 * @throws DndError INVALID_ARGUMENT; UNSUPPORTED_BASE for a config of another family; SHAPE_MISMATCH for a tokenizer or
 * token ids that do not fit the vocabulary; NOT_FINITE, OUT_OF_MEMORY, OUTPUT_EXISTS, DISK_FULL, NOT_WRITABLE;
 * `signal.reason`
 */
export async function trainLanguageModel(options: TrainLanguageModelOptions): Promise<TrainedLanguageModel> {
  const { config, tokenizer, tokenizerConfig, generationConfig, corpus, force, signal, onStep } = checkOptions(
    options,
    'options of trainLanguageModel',
  );
  const out = resolve(checkPath(options.out, 'out (the output folder)'));
  const settings = resolvePretraining(options);
  const { sizes } = causalConfigFromJson(config, 'config');
  const files = { tokenizer, config: tokenizerConfig ?? {}, folder: 'tokenizer' };
  // Its checks: whether the two belong together.
  new LanguageTokeniser(files, sizes.vocabSize);
  const sequences = checkCorpus(corpus, sizes.vocabSize, sizes.maxPositions);
  await checkFolderOutput(out, { force, marker: 'config.json' });

  const { threads, memoryLimit, seed, initialDeviation, beta1, beta2, eps, weightDecay, maxGradientNorm } = settings;
  const engine = await CausalEngine.create({ ...sizes, threads, memoryLimitBytes: memoryLimit });
  try {
    await engine.initialise(seed, initialDeviation, { signal });
    const trainer = await CausalTrainerEngine.create(engine, {
      parameters: { trained: 'all' },
      optimiser: { beta1, beta2, eps, weightDecay, maxGradientNorm, moments: 'fp32' },
      threads,
      memoryLimitBytes: memoryLimit,
    });
    let loss = 0;
    try {
      const report = steadyProgress(options.onProgress);
      loss = await trainAll(trainer, sequences, settings, signal, (step) => {
        onStep?.(step);
        report(step.step / step.steps);
      });
    } finally {
      trainer.dispose();
    }
    await writeFolderAtomically(out, { force, signal, marker: 'config.json' }, async (staging) => {
      await writeWeights(staging, engine, settings.dtype, signal);
      const json = { 'config.json': config, 'tokenizer.json': tokenizer };
      const optional = { 'tokenizer_config.json': tokenizerConfig, 'generation_config.json': generationConfig };
      for (const [name, content] of Object.entries({ ...json, ...optional }))
        if (content !== undefined)
          await writeFileAtomically(join(staging, name), `${JSON.stringify(content, null, 1)}\n`);
    });
    return { out, loss };
  } finally {
    engine.dispose();
  }
}

/** @returns the mean loss of the last tenth of the steps */
async function trainAll(
  trainer: CausalTrainerEngine,
  sequences: readonly EncodedExample[],
  settings: PretrainSettings,
  signal: AbortSignal | undefined,
  onStep: (step: PretrainStep) => void,
): Promise<number> {
  const { steps, seed, batch } = settings;
  const microBatch = settings.microBatch ?? batch;
  const counted = Math.ceil(steps / 10);
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    const began = performance.now();
    const learningRate = learningRateAt(step, settings);
    const examples = drawBatch([sequences], { seed, phase: 'pretraining', step, batch });
    const { loss, gradientNorm } = await runStep(trainer, examples, { learningRate, microBatch, signal });
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new DndError(
        'NOT_FINITE',
        `pre-training: after ${step} steps the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not finite. Lower the learning rate`,
      );
    if (step >= steps - counted) sum += loss;
    const seconds = (performance.now() - began) / 1000;
    onStep({ step: step + 1, steps, loss, gradientNorm, learningRate, seconds });
  }
  return sum / counted;
}

function resolvePretraining(options: TrainLanguageModelOptions): PretrainSettings {
  const names = Object.keys(PRETRAIN_SETTINGS) as (keyof PretrainSettings)[];
  const given = Object.fromEntries(names.map((name) => [name, options[name]]));
  const checked = checkSettings<PretrainSettings>(given, PRETRAIN_SETTINGS, 'options of trainLanguageModel');
  return Object.fromEntries(
    names.map((name) => [name, checked[name] ?? PRETRAIN_SETTINGS[name].default]),
  ) as unknown as PretrainSettings;
}

function checkCorpus(corpus: readonly TrainingSequence[], vocabSize: number, maxPositions: number): EncodedExample[] {
  if (!Array.isArray(corpus) || corpus.length === 0)
    throw invalidValue('INVALID_ARGUMENT', 'corpus', 'a list of at least one sequence of token ids', corpus);
  return corpus.map((sequence: TrainingSequence, index) =>
    encodeSequence(sequence, { vocabSize, maxPositions }, `sequence ${index + 1} of the corpus`),
  );
}

async function writeWeights(
  folder: string,
  engine: CausalEngine,
  dtype: PretrainSettings['dtype'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const stored = CHECKPOINT_DTYPES[dtype];
  const tensors = engine.parameters.map(({ name, shape }) => ({
    name,
    dtype: stored,
    shape,
    *bytes() {
      const count = elementCount(shape);
      for (let offset = 0; offset < count; offset += CHUNK_ELEMENTS)
        yield fromFloat32(engine.readParameter(name, offset, Math.min(CHUNK_ELEMENTS, count - offset)), stored);
    },
  }));
  await writeSafetensorsSharded(folder, 'model', tensors, { signal, metadata: { format: 'pt' } });
}

const CHUNK_ELEMENTS = 2 ** 20;
