import { join } from 'node:path';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { checkBase } from '../evaluation/index.js';
import { exists } from '../files/index.js';
import { requireTexts } from '../generator/condition-form.js';
import { ENCODER_FOLDER } from '../generator/encoder-folder.js';
import type { GeneratedAdapter } from '../generator/generated-adapter.js';
import { Generator } from '../generator/generator.js';
import { MANIFEST_FILE, readManifest } from '../generator/manifest.js';
import { type LanguageModel, loadLanguageModel } from '../language/index.js';
import type { PromptItem } from '../prompts/index.js';
import { checkOptions } from '../validation/index.js';
import { fetchedModel } from './fetched-models.js';
import { DEFAULT_MODEL, type DemoModelName, demoCommand, readWorld } from './models.js';
import { type DemoTask, type DemoWorld, findTask, type ModelSource, type TaskData } from './world.js';

/** Prompts whose answers are shown. */
export const SHOWN = 3;

/** Gets a repository of the Hugging Face Hub, and returns its folder. */
export type FetchModel = (repository: string, kind: 'base' | 'encoder') => Promise<string>;

export interface DemoOptions extends LongOperation {
  /** Default: the pocket world, which the package contains. */
  model?: DemoModelName | undefined;
  /** The base model: its folder, or a GGUF file. Default: the world's own, which is fetched unless it is here. */
  base?: string | undefined;
  /** Folder of the text encoder, for generators that do not contain theirs. Default: as for `base`. */
  encoder?: string | undefined;
  /** Called for what is not here, once everything else that can fail early has been checked. */
  fetch: FetchModel;
  /** A held-out task of the world; default: the first. */
  task?: string | undefined;
  /** Prompts of one's own instead of a task's. Their responses, where they have some, count as right. */
  prompts?: { items: readonly PromptItem[]; source: string } | undefined;
  /** Random seed for the choice of the prompts that the adapter is generated from. Default: 0. */
  seed?: number | undefined;
  threads?: number | undefined;
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
  model: DemoModelName;
  /** Folder or GGUF file. */
  base: string;
  /** Folder. */
  generator: string;
  /** Folder of the text encoder; null if it is inside the generator, or built in. */
  encoder: string | null;
  /** null for prompts of the user's own. */
  task: DemoTask | null;
  /** Whether the generator says that the task is none that it was trained on. */
  heldOut: boolean;
  baseParameters: number;
  answers: DemoAnswer[];
  adapter: GeneratedAdapter;
  /** Loading base and generator, all answers of the base, from the prompts to the adapter's weights, all answers with it. */
  milliseconds: { load: number; base: number; generation: number; adapted: number };
  /** Exactly right answers, white space at both ends aside, among all items with a response; null without any. */
  accuracy: { items: number; base: number; adapted: number } | null;
}

/**
 * Shows what the package is for: the base model answers prompts of a task, an adapter is generated from unlabeled
 * prompts of the task, and the base with that adapter answers the same prompts.
 * @throws DndError INVALID_ARGUMENT for an unknown task; INVALID_PROMPTS for prompts outside the pocket language;
 * SHAPE_MISMATCH for a base that the generator was not made for; as `readWorld`, `fetch`, `loadLanguageModel`,
 * `Generator.load`; `signal.reason`
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const {
    model: name = DEFAULT_MODEL,
    prompts: own,
    seed,
    threads,
    signal,
  } = checkOptions(options, 'options of runDemo');
  const progress = steadyProgress(options.onProgress);
  const world = await readWorld(name);
  const task = own ? null : findTask(world, options.task, `${demoCommand(name)} --list`);
  const data = task ? await world.dataOf(task) : promptsAndTest(own!.items);
  const folder = await world.generatorOf(task);
  const encoder = options.encoder ?? (await encoderOf(world, folder, options.fetch));
  const base = options.base ?? (await placeOf(world.base, 'base', options.fetch));
  const clock = new Stopwatch();
  const model = await loadLanguageModel(base, { threads, signal });
  try {
    if (own) world.checkPrompts?.(model, data.prompts, own.source);
    const generator = await Generator.load(folder, { threads, signal, encoder, device: 'cpu' });
    try {
      const { manifest } = generator;
      checkBase(manifest.base, folder, model);
      requireTexts(manifest, 'prompts', folder);
      const load = clock.lap();
      const settings = { maxNewTokens: world.maxNewTokens, signal };
      const inPart = (from: number, to: number) => (done: number) => progress(from + (to - from) * done);
      const prompts = data.test.map(({ prompt }) => prompt);
      const before = await model.generate(prompts, { ...settings, onProgress: inPart(0.1, 0.5) });
      const ofBase = clock.lap();
      const adapter = await generator.generate(data.prompts, { seed, signal });
      const generation = clock.lap();
      const after = await model.generate(prompts, { ...settings, adapters: adapter, onProgress: inPart(0.6, 1) });
      const answers = data.test.map(({ prompt, response }, index) => ({
        prompt,
        base: before[index]!,
        adapted: after[index]!,
        expected: response === '' ? null : response,
      }));
      return {
        ...{ model: name, base, generator: folder, encoder: encoder ?? null, task },
        heldOut: task !== null && manifest.training.tasks?.includes(task.name) === false,
        baseParameters: parametersOf(model),
        answers,
        adapter,
        milliseconds: { load, base: ofBase, generation, adapted: clock.lap() },
        accuracy: accuracyOf(answers),
      };
    } finally {
      generator.dispose();
    }
  } finally {
    model.dispose();
  }
}

/** The folder of the encoder that a generator needs beside its own folder; undefined if it needs none, or none is known. */
async function encoderOf({ encoder }: DemoWorld, folder: string, fetch: FetchModel): Promise<string | undefined> {
  if (encoder === undefined || (await exists(join(folder, ENCODER_FOLDER)))) return undefined;
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  return manifest.encoder.type === 'hash' ? undefined : placeOf(encoder, 'encoder', fetch);
}

async function placeOf(source: ModelSource, kind: 'base' | 'encoder', fetch: FetchModel): Promise<string> {
  if ('path' in source) return source.path;
  return (await fetchedModel(source.repository)) ?? fetch(source.repository, kind);
}

/** Prompts of the user's own are both what the adapter is generated from and what it is tried on. */
function promptsAndTest(items: readonly PromptItem[]): TaskData {
  const measurable = items.some(({ response }) => response !== '');
  return { prompts: items.map(({ prompt }) => prompt), test: measurable ? items : items.slice(0, SHOWN) };
}

function parametersOf({ engine }: LanguageModel): number {
  return engine.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

function accuracyOf(answers: readonly DemoAnswer[]): DemoResult['accuracy'] {
  const known = answers.filter(({ expected }) => expected !== null);
  if (known.length === 0) return null;
  const right = (which: 'base' | 'adapted') => known.filter((one) => isRight(one, which)).length;
  return { items: known.length, base: right('base'), adapted: right('adapted') };
}

export function isRight(answer: DemoAnswer, which: 'base' | 'adapted'): boolean {
  return answer[which].trim() === answer.expected?.trim();
}

class Stopwatch {
  #began = performance.now();

  /** Milliseconds since the last call, or the start. */
  lap(): number {
    const now = performance.now();
    const lap = now - this.#began;
    this.#began = now;
    return lap;
  }
}
