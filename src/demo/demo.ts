import { type LongOperation, steadyProgress } from '../async/index.js';
import type { GeneratedAdapter } from '../generator/generated-adapter.js';
import { Generator } from '../generator/generator.js';
import { type LanguageModel, loadLanguageModel } from '../language/index.js';
import type { PromptItem } from '../prompts/index.js';
import { checkOptions } from '../validation/index.js';
import { requireKnownWords } from './known-words.js';
import { findTask, POCKET_FOLDER, type PocketTask, readPocketWorld, readTaskData } from './pocket.js';

/** Prompts whose answers are shown. */
export const SHOWN = 3;
/** More than the longest reply of the pocket language. */
const MOST_NEW_TOKENS = 24;

export interface DemoOptions extends LongOperation {
  /** A held-out task of the pocket world; default: the first. */
  task?: string | undefined;
  /** Prompts in the pocket language, instead of a task's. Their responses, where they have some, count as right. */
  prompts?: { items: readonly PromptItem[]; source: string } | undefined;
  /** Random seed for the choice of the prompts that the adapter is generated from. Default: 0. */
  seed?: number | undefined;
  threads?: number | undefined;
  /** The pocket world; default: the package's own. */
  folder?: string | undefined;
}

/** A prompt, and what is answered without and with the adapter. */
export interface DemoAnswer {
  prompt: string;
  base: string;
  adapted: string;
  /** The right response; null if none is known. */
  expected: string | null;
}

export interface DemoResult {
  /** null for prompts of the user's own. */
  task: PocketTask | null;
  baseParameters: number;
  answers: DemoAnswer[];
  adapter: GeneratedAdapter;
  /** From the prompts to the adapter's weights. */
  generationMs: number;
  /** Exactly right answers among all items with a response; null without any. */
  accuracy: { items: number; base: number; adapted: number } | null;
}

/**
 * Shows what the package is for: the base model answers prompts of a task, an adapter is generated from unlabeled
 * prompts of the task, and the base with that adapter answers the same prompts.
 * @throws DndError INVALID_ARGUMENT for an unknown task; INVALID_PROMPTS for prompts outside the pocket language; as
 * `readPocketWorld`, `loadLanguageModel`, `Generator.load`; `signal.reason`
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const {
    task: name,
    prompts: own,
    seed,
    threads,
    signal,
    folder = POCKET_FOLDER,
  } = checkOptions(options, 'options of runDemo');
  const progress = steadyProgress(options.onProgress);
  const world = await readPocketWorld(folder);
  const task = own ? null : findTask(world, name);
  const data = task ? await readTaskData(folder, task.name) : promptsAndTest(own!.items);
  const model = await loadLanguageModel(world.base, { threads, signal });
  try {
    if (own) requireKnownWords(model, data.prompts, own.source);
    const generator = await Generator.load(world.generator, { threads, signal, device: 'cpu' });
    try {
      progress(0.2);
      const began = performance.now();
      const adapter = await generator.generate(data.prompts, { seed, signal });
      const generationMs = performance.now() - began;
      progress(0.4);
      const answers = await answerBoth(model, adapter, data.test, signal);
      progress(1);
      const known = answers.filter(({ expected }) => expected !== null);
      const right = (which: 'base' | 'adapted') => known.filter((one) => one[which] === one.expected).length;
      return {
        task,
        baseParameters: model.engine.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
        answers,
        adapter,
        generationMs,
        accuracy: known.length === 0 ? null : { items: known.length, base: right('base'), adapted: right('adapted') },
      };
    } finally {
      generator.dispose();
    }
  } finally {
    model.dispose();
  }
}

/** Prompts of the user's own are both what the adapter is generated from and what it is tried on. */
function promptsAndTest(items: readonly PromptItem[]): { prompts: string[]; test: readonly PromptItem[] } {
  const measurable = items.some(({ response }) => response !== '');
  return { prompts: items.map(({ prompt }) => prompt), test: measurable ? items : items.slice(0, SHOWN) };
}

async function answerBoth(
  model: LanguageModel,
  adapter: GeneratedAdapter,
  items: readonly PromptItem[],
  signal: AbortSignal | undefined,
): Promise<DemoAnswer[]> {
  const prompts = items.map(({ prompt }) => prompt);
  const settings = { maxNewTokens: MOST_NEW_TOKENS, signal };
  const base = await model.generate(prompts, settings);
  const adapted = await model.generate(prompts, { ...settings, adapters: adapter });
  return items.map(({ prompt, response }, index) => ({
    prompt,
    base: base[index]!,
    adapted: adapted[index]!,
    expected: response === '' ? null : response,
  }));
}
