import { DndError } from '../errors.js';
import { loadLanguageModel } from '../language/index.js';
import { Behaviour, encodeTasks } from './behaviour/index.js';
import { type ResponseTask, responseTasks } from './evaluate-responses.js';
import type { EvaluationTask } from './evaluation.js';
import type { Preparation, PrepareOptions } from './prepare.js';

/** What the behaviour loss needs beside the decoder. */
export interface BehaviourWork {
  behaviour: Behaviour;
  evaluated: readonly ResponseTask[];
}

/**
 * Loads the base model and encodes the items of the training tasks.
 * @returns null for the loss 'tokens'
 * @throws DndError as `loadLanguageModel` and `encodeTasks`; `signal.reason`
 */
export async function makeBehaviour(
  { settings, split, pairs, layout }: Preparation,
  evaluationTasks: readonly EvaluationTask[],
  { signal, onProgress }: Pick<PrepareOptions, 'signal' | 'onProgress'>,
): Promise<BehaviourWork | null> {
  if (settings.loss === 'tokens') return null;
  const { base, threads, memoryLimit, system, seed, evaluationTasks: mostTasks, evaluationItems: mostItems } = settings;
  if (base === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `loss '${settings.loss}' runs the base model: set base (--base) to its folder, with weights and tokenizer, or to a GGUF file`,
    );
  const model = await loadLanguageModel(base, {
    threads,
    memoryLimitBytes: memoryLimit,
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'base'),
  });
  try {
    const training = split.training.map(({ task }) => task);
    const examples = await encodeTasks(training, model, {
      system,
      signal,
      onProgress: (fraction) => onProgress?.(fraction, 'responses'),
    });
    const itemsOf = new Map(pairs.tasks.map(({ name, items }) => [name, items]));
    const limits = { seed, mostTasks, mostItems };
    const evaluated = responseTasks(evaluationTasks, (name) => itemsOf.get(name)!, limits);
    const behaviour = new Behaviour({ model, layout, adapter: pairs.adapter, examples, threads });
    return { behaviour, evaluated };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
