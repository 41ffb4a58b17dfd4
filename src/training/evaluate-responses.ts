import { type AdapterLayout, LoraAdapter } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { type LanguageModel, scoresOf, type Trial } from '../language/index.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { EvaluationTask } from './evaluation.js';
import type { HiddenStatesCache } from './hidden-states-cache.js';
import type { ResponseEvaluation } from './metrics.js';
import type { PairItem, PairsAdapter } from './pairs/types.js';
import { nameNumber, STREAMS } from './streams.js';

/** A task, and items of it whose responses are evaluated, the same ones each time. */
export interface ResponseTask extends Pick<EvaluationTask, 'name' | 'heldOut' | 'texts'> {
  items: readonly PairItem[];
}

/**
 * Chooses tasks and items, evenly over the seed: tasks in the order given.
 * @param itemsOf every item of a task
 */
export function responseTasks(
  tasks: readonly EvaluationTask[],
  itemsOf: (name: string) => readonly PairItem[],
  { seed, mostTasks, mostItems }: { seed: number; mostTasks: number; mostItems: number },
): ResponseTask[] {
  const random = SplitMix64.derived(seed, STREAMS.responses);
  const chosen = new Set(random.sample(tasks.length, Math.min(mostTasks, tasks.length)));
  return tasks
    .filter((_, index) => chosen.has(index))
    .map(({ name, heldOut, texts }) => {
      const items = itemsOf(name);
      const own = SplitMix64.derived(seed, STREAMS.responses, nameNumber(name));
      const places = own.sample(items.length, Math.min(mostItems, items.length));
      return { name, heldOut, texts, items: places.map((place) => items[place]!) };
    });
}

export interface ResponseParts {
  engine: Pick<TrainerEngine, 'forward'>;
  /** With `residual`. */
  layout: AdapterLayout;
  adapter: PairsAdapter;
  model: LanguageModel;
  system: string | undefined;
  states: HiddenStatesCache;
  /** Tasks that go through the decoder together. */
  together: number;
}

/** Tokens by which a greedy answer may be longer than the response before it is cut off: it is wrong by then. */
const TOKENS_BEYOND = 4;

/**
 * Generates an adapter for each task, and compares the greedy answers of the base with it to the responses.
 * @throws DndError as `TrainerEngine.forward` and `LanguageModel.generate`; `signal.reason`
 */
export async function evaluateResponses(
  tasks: readonly ResponseTask[],
  { engine, layout, adapter, model, system, states, together }: ResponseParts,
  { signal, onProgress }: LongOperation,
): Promise<ResponseEvaluation[]> {
  const evaluated: ResponseEvaluation[] = [];
  for (let start = 0; start < tasks.length; start += together) {
    const group = tasks.slice(start, start + together);
    const texts = group.flatMap((task) => task.texts);
    const condition = new Float32Array(texts.length * states.size);
    await states.fill(texts, condition, { signal });
    const tokens = await engine.forward(condition, group.length, { signal });
    const items = group.flatMap((task) => task.items);
    const trials: Trial[] = [];
    for (const [index, task] of group.entries()) {
      const own = tokens.subarray(index * layout.size, (index + 1) * layout.size);
      const generated = await LoraAdapter.fromTokens(layout, own, adapter, { signal });
      trials.push({ task: { test: task.items }, adapter: generated });
    }
    const longest = Math.max(...items.map(({ response }) => model.tokeniser.encode(response).length));
    const scores = await scoresOf(model, trials, { system, maxNewTokens: longest + TOKENS_BEYOND, signal });
    for (const [index, { name, heldOut, items: own }] of group.entries()) {
      const { exactMatch, logLikelihood } = scores[index]!;
      evaluated.push({ task: name, heldOut, items: own.length, loss: -logLikelihood, exactMatch });
    }
    onProgress?.(evaluated.length / tasks.length);
  }
  return evaluated;
}
