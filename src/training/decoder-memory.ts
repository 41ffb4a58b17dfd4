import { formatBytes, MemoryBudget, type TrainerEngine, type TrainingNeed } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { TrainingSettings } from './settings.js';

/** What a step takes, the data of the next one included, which is made meanwhile. */
export function stepBytes({ total, operands }: TrainingNeed): number {
  return total + operands;
}

/**
 * What convolutions work in, at most, for each size of the parts in which a batch goes through the decoder. A memory limit
 * may lower it, and what is learnt depends on it, byte for byte.
 */
export function convolutionLimits(
  engine: Pick<TrainerEngine, 'memory'>,
  { batch, microBatch = batch }: Pick<TrainingSettings, 'batch' | 'microBatch'>,
): number[] {
  const rest = batch % microBatch;
  return [microBatch, ...(rest > 0 ? [rest] : [])].map((size) => engine.memory(size).convolutionLimit);
}

/**
 * How many checkpoints of a batch go through the decoder at once: what the settings say, or as many as there is room for.
 * @throws DndError OUT_OF_MEMORY where there is no room for it
 */
export function microBatchFor(
  engine: Pick<TrainerEngine, 'memory' | 'requireRoom'>,
  settings: Pick<TrainingSettings, 'batch' | 'microBatch' | 'memoryLimit' | 'moments'>,
): number {
  let chosen = settings.microBatch ?? settings.batch;
  if (settings.microBatch === undefined)
    while (chosen > 1 && problemOf(engine, chosen, settings)) chosen = Math.ceil(chosen / 2);
  const problem = problemOf(engine, chosen, settings);
  if (problem) throw problem;
  return chosen;
}

/** OUT_OF_MEMORY where so many checkpoints at once have no room, the data of the next ones included. */
function problemOf(
  engine: Pick<TrainerEngine, 'memory' | 'requireRoom'>,
  size: number,
  { microBatch, memoryLimit, moments }: Pick<TrainingSettings, 'microBatch' | 'memoryLimit' | 'moments'>,
): DndError | undefined {
  const ways = [
    ...(size > 1 ? [`lower microBatch (1 needs ${formatBytes(stepBytes(engine.memory(1)))})`] : []),
    ...(moments === 'fp32' ? ["store AdamW's moments in 8 bits (moments: '8bit')"] : []),
    'use a smaller decoder',
  ];
  // What the settings ask for may take all there is; what is chosen here leaves some.
  const share = microBatch === undefined && size > 1 ? 'chosenMicroBatch' : 'requested';
  try {
    const purpose = `a training step over ${size === 1 ? 'one checkpoint' : `a micro-batch of ${size} checkpoints`}`;
    const need = { purpose, bytes: stepBytes(engine.memory(size)), lower: ways.join(', or ') };
    new MemoryBudget(memoryLimit).require(need, share);
    engine.requireRoom(size);
    return undefined;
  } catch (error) {
    if (error instanceof DndError && error.code === 'OUT_OF_MEMORY') return error;
    throw error;
  }
}

/** Conditions and weight tokens of an evaluation take no more than this, unless one task's alone do. */
const EVALUATION_BYTES = 2 ** 28;

/** How many tasks are evaluated at once: it depends on nothing but sizes, since the last bits depend on it. */
export function tasksTogether(
  engine: Pick<TrainerEngine, 'memory'>,
  { batch, microBatch = batch }: Pick<TrainingSettings, 'batch' | 'microBatch'>,
): number {
  return Math.max(1, Math.min(microBatch, Math.floor(EVALUATION_BYTES / engine.memory(1).operands)));
}
