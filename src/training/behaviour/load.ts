import type { LongOperation } from '../../async/index.js';
import type { PrecisionName } from '../../engine/index.js';
import { DndError } from '../../errors.js';
import { sha256OfFiles } from '../../files/index.js';
import { type LanguageModel, loadLanguageModel, weightFiles } from '../../language/index.js';
import type { Task } from '../pairs/types.js';
import { encodeTasks, type TaskExamples } from './encode-tasks.js';

/** The frozen base, and what it shall answer with the adapters of tasks. */
export interface BaseWithExamples {
  model: LanguageModel;
  examples: TaskExamples;
}

export interface LoadBaseOptions extends Omit<LongOperation, 'onProgress'> {
  system: string | undefined;
  threads: number | undefined;
  /** Of the base's products. */
  precision: PrecisionName;
  memoryLimitBytes: number | undefined;
  onProgress: (fraction: number, stage: 'base' | 'responses') => void;
}

/**
 * Loads a base model and encodes the items of tasks for it.
 * @param base folder of the model, or GGUF file
 * @throws DndError as `loadLanguageModel` and `encodeTasks`; `signal.reason`
 */
export async function loadBase(
  base: string,
  tasks: readonly Pick<Task, 'name' | 'items'>[],
  { system, threads, precision, memoryLimitBytes, signal, onProgress }: LoadBaseOptions,
): Promise<BaseWithExamples> {
  const model = await loadLanguageModel(base, {
    ...{ threads, precision, memoryLimitBytes, signal },
    onProgress: (fraction) => onProgress(fraction, 'base'),
  }).catch((error) => {
    if (!(error instanceof DndError && error.code === 'FILE_NOT_FOUND')) throw error;
    throw new DndError(
      'FILE_NOT_FOUND',
      `the behaviour loss runs the base model, and ${error.message}. ${SET_BASE}, or train with the loss 'tokens'`,
      { cause: error },
    );
  });
  try {
    const examples = await encodeTasks(tasks, model, {
      ...{ system, signal },
      onProgress: (fraction) => onProgress(fraction, 'responses'),
    });
    return { model, examples };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/**
 * SHA-256 of the files with a base model's weights, which takes as long as reading them.
 * @param base folder of the model, or GGUF file
 * @throws DndError as `weightFiles` and `sha256OfFiles`; `signal.reason`
 */
export async function baseSha256(base: string, signal?: AbortSignal): Promise<string> {
  return sha256OfFiles(await weightFiles(base), signal);
}

/** Advice. */
export const SET_BASE = 'Set base (--base) to its folder, with weights and tokenizer, or to a GGUF file';
