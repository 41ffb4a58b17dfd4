import { FLOAT_DTYPES } from '../adapter/index.js';
import { formatBytes, MemoryBudget, type TrainerEngine, type TrainingNeed } from '../engine/index.js';
import { DndError } from '../errors.js';
import { DTYPES } from '../formats/dtypes.js';
import { basisBytes, basisFileBytes } from '../generator/basis-file.js';
import type { Preparation } from './prepare.js';
import type { TrainingSettings } from './settings.js';

/** Memory of a step, including the data of the next one, which is prepared meanwhile. */
export function stepBytes({ total, operands }: TrainingNeed): number {
  return total + operands;
}

/**
 * What a basis adds to the memory of a step: its directions, if they are learned their gradient and moments, and of a whole
 * batch the weight tokens and the gradient with respect to them, which the engine does not count as its own.
 */
export function basisNeed({ layout, settings }: Pick<Preparation, 'layout' | 'settings'>): number {
  const { basis, basisKind, batch } = settings;
  if (basis === undefined) return 0;
  return basisBytes((basisKind === 'learned' ? 4 : 1) * basis + 2 * batch, layout);
}

/**
 * The memory limit of the engine: that of the run, less what a basis takes beside it.
 * @throws DndError OUT_OF_MEMORY where the basis alone takes more
 */
export function engineLimit(preparation: Pick<Preparation, 'layout' | 'settings'>): number | undefined {
  const { basis, memoryLimit } = preparation.settings;
  if (basis === undefined || memoryLimit === undefined) return memoryLimit;
  const bytes = basisNeed(preparation);
  const purpose = `a basis of ${basis} directions, with the weight tokens of a batch,`;
  new MemoryBudget(memoryLimit).requireAllowed({ purpose, bytes, lower: 'lower basis or batch' });
  return Math.max(1, memoryLimit - bytes);
}

/**
 * Convolution workspace limits for each micro-batch size. A memory limit may lower them, and the learnt bytes depend on
 * them.
 */
export function convolutionLimits(
  engine: Pick<TrainerEngine, 'memory'>,
  { batch, microBatch = batch }: Pick<TrainingSettings, 'batch' | 'microBatch'>,
): number[] {
  const rest = batch % microBatch;
  return [microBatch, ...(rest > 0 ? [rest] : [])].map((size) => engine.memory(size).convolutionLimit);
}

/**
 * The micro-batch size: the setting, or as many checkpoints as fit into memory.
 * @param besideBytes what a step takes beside the engine, whatever its micro-batches: `basisNeed`
 * @throws DndError OUT_OF_MEMORY if it does not fit
 */
export function microBatchFor(
  engine: Pick<TrainerEngine, 'memory' | 'requireRoom'>,
  settings: Pick<TrainingSettings, 'batch' | 'microBatch' | 'memoryLimit' | 'moments'>,
  besideBytes = 0,
): number {
  let chosen = settings.microBatch ?? settings.batch;
  if (settings.microBatch === undefined)
    while (chosen > 1 && problemOf(engine, chosen, settings, besideBytes)) chosen = Math.ceil(chosen / 2);
  const problem = problemOf(engine, chosen, settings, besideBytes);
  if (problem) throw problem;
  return chosen;
}

/** Throws OUT_OF_MEMORY if a micro-batch of this size, with the data of the next one, does not fit. */
function problemOf(
  engine: Pick<TrainerEngine, 'memory' | 'requireRoom'>,
  size: number,
  { microBatch, memoryLimit, moments }: Pick<TrainingSettings, 'microBatch' | 'memoryLimit' | 'moments'>,
  besideBytes: number,
): DndError | undefined {
  const ways = [
    ...(size > 1 ? [`lower microBatch (1 needs ${formatBytes(stepBytes(engine.memory(1)) + besideBytes)})`] : []),
    ...(moments === 'fp32' ? ["store AdamW's moments in 8 bits (moments: '8bit')"] : []),
    ...(besideBytes > 0 ? ['lower basis'] : []),
    'use a smaller decoder',
  ];
  // An explicit setting may use all available memory; an automatic choice leaves some.
  const share = microBatch === undefined && size > 1 ? 'chosenMicroBatch' : 'requested';
  try {
    const purpose = `a training step over ${size === 1 ? 'one checkpoint' : `a micro-batch of ${size} checkpoints`}`;
    const need = { purpose, bytes: stepBytes(engine.memory(size)) + besideBytes, lower: ways.join(', or ') };
    new MemoryBudget(memoryLimit).require(need, share);
    engine.requireRoom(size);
    return undefined;
  } catch (error) {
    if (error instanceof DndError && error.code === 'OUT_OF_MEMORY') return error;
    throw error;
  }
}

/** Limit of an evaluation's conditions and weight tokens, unless a single task exceeds it. */
const EVALUATION_BYTES = 2 ** 28;

/**
 * Number of tasks evaluated at once. It depends only on sizes, so that results stay bit-identical.
 * @param tokens elements of the weight tokens that the engine's output becomes; default: it is weight tokens
 */
export function tasksTogether(
  engine: Pick<TrainerEngine, 'memory'>,
  { batch, microBatch = batch }: Pick<TrainingSettings, 'batch' | 'microBatch'>,
  tokens = 0,
): number {
  const bytes = engine.memory(1).operands + tokens * Float32Array.BYTES_PER_ELEMENT;
  return Math.max(1, Math.min(microBatch, Math.floor(EVALUATION_BYTES / bytes)));
}

/**
 * Bytes of a checkpoint: the decoder's parameters, in half precision too if that is asked for, its optimiser's state, and
 * of a basis the directions and, if they are learned, their state. A copy of the text encoder is linked.
 */
export function checkpointBytes(
  { parameters, states }: { parameters: number; states: number },
  { layout, settings }: Pick<Preparation, 'layout' | 'settings'>,
): number {
  const { basis, basisKind, saveDtype } = settings;
  const saved = DTYPES[FLOAT_DTYPES[saveDtype]].bytes / Float32Array.BYTES_PER_ELEMENT;
  const ofBasis = basis !== undefined && basisKind === 'learned' ? basisBytes(3 * basis, layout) : 0;
  return parameters * (saveDtype === 'f32' ? 1 : 1 + saved) + states + basisFileBytes(basis, layout) + ofBasis;
}
