import { type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { textsWanted } from '../generator/condition-form.js';
import { Generator } from '../generator/generator.js';
import { loadLanguageModel } from '../language/index.js';
import { PACKAGE } from '../package.js';
import type { PromptFields } from '../prompts/index.js';
import { checkSeed } from '../random/split-mix.js';
import { checkOptions, checkPath, checkWholeNumber } from '../validation/index.js';
import { readPairsAdapters } from './adapters.js';
import { checkBase } from './base.js';
import { Evaluation } from './evaluation.js';
import { type ByTask, type Interval, pairedDifference, pairedShare } from './intervals.js';
import { EVALUATION_VERSION, type EvaluationResult, type EvaluationRow } from './result.js';
import { type NamedRowId, ROWS } from './rows.js';
import { type EvaluationTask, readTasks, type TriedTask, withTexts } from './tasks.js';
import { type Comparison, compare, verdictOf } from './verdict.js';

/** Options of `evaluate`. */
export interface EvaluateOptions extends LongOperation {
  /** The generator, as `Generator.load` takes it. */
  generator: string;
  /** Folder of its text encoder, if it does not contain it. */
  encoder?: string | undefined;
  /** The base model: a folder with its weights and tokenizer, or a GGUF file. */
  base: string;
  /**
   * Folder of tasks: for each a folder with `test.json` and `prompts.json` (else `train.json`) or `descriptions.json`, or
   * a file `<task>.json` of the form `{ "train": […], "test": […] }`.
   */
  tasks: string;
  /** Pairs folder of the training LoRAs, to compare with. Default: none. */
  pairs?: string | undefined;
  /** Names of the tasks to evaluate. Default: those of the folder that the generator was not trained on. */
  names?: readonly string[] | undefined;
  /** Prompt sets that are drawn for each task, if it has more prompts than the generator takes. Default: 3. */
  draws?: number | undefined;
  /**
   * Numbers of prompts (or descriptions) from which adapters are generated besides, each a row of its own. Of more than
   * the generator takes, groups give an adapter each, and their mean is tried. Default: none.
   */
  promptCounts?: readonly number[] | undefined;
  /** Most training LoRAs to try one by one, sampled; 0: none. Default: all. */
  singleLimit?: number | undefined;
  /** Random seed of draws, samples, controls and intervals. Default: 0. */
  seed?: number | undefined;
  /** Most new tokens of an answer. Default: 64. */
  maxNewTokens?: number | undefined;
  /** System prompt of every question and answer. Default: that of the base's chat template. */
  system?: string | undefined;
  /** How the tasks' prompt files are read. */
  fields?: Pick<PromptFields, 'promptField' | 'responseField'> | undefined;
  /** Continue prompts as they are, without the chat template. Default: false. */
  raw?: boolean | undefined;
  /** Skip damaged checkpoints of the pairs folder. */
  skipCorrupt?: boolean | undefined;
  /** Number of threads. Default: `DND_THREADS`, else the CPUs this process can use. */
  threads?: number | undefined;
}

const METHOD =
  'Means over tasks of means over prompt draws. 95 % intervals: percentile bootstrap, 2,000 resamples of tasks with ' +
  'replacement and of one draw for each; differences are paired by task.';

/**
 * Tries adapters on tasks that the generator never saw: generated ones, the LoRAs it was trained on, and controls.
 * @throws DndError INVALID_ARGUMENT, for unknown tasks too, or where there is no held-out task; SHAPE_MISMATCH for a
 * generator of another base; INVALID_PROMPTS for a task without prompts, test items or a response; as `openPairs`,
 * `Generator.load` and `loadLanguageModel`; `signal.reason`
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationResult> {
  const {
    generator: folder,
    encoder,
    base,
    tasks,
    pairs,
    names,
    ...rest
  } = checkOptions(options, 'options of evaluate');
  for (const [path, what] of [
    [folder, 'generator'],
    [base, 'base'],
    [tasks, 'tasks'],
  ] as const)
    checkPath(path, what);
  const { draws = 3, singleLimit = Number.MAX_SAFE_INTEGER, seed = 0, maxNewTokens = 64, threads, signal } = rest;
  checkWholeNumber(draws, 'draws', 1);
  checkWholeNumber(singleLimit, 'singleLimit', 0);
  checkWholeNumber(maxNewTokens, 'maxNewTokens', 1);
  const counts = checkCounts(rest.promptCounts ?? []);
  checkSeed(seed);
  const began = performance.now();
  const found = await readTasks(tasks, names, rest.fields);
  const generator = await Generator.load(folder, { encoder, threads, signal, device: 'cpu' });
  try {
    const model = await loadLanguageModel(base, { threads, signal });
    try {
      checkBase(generator.manifest.base, folder, model);
      const { training } = generator.manifest;
      const texts = textsWanted(generator.manifest) ?? 'prompts';
      const trained =
        pairs === undefined ? undefined : await readPairsAdapters(pairs, { ...rest, texts, trainedOn: training.tasks });
      const trainedOn = training.tasks ?? trained?.trainedOn ?? (training.trained ? null : []);
      const chosen = choose(found, names, trainedOn, tasks);
      const scoring = { maxNewTokens, system: rest.system, raw: rest.raw, signal };
      const tried = chosen.tasks.map((task) => withTexts(task, texts));
      const run = new Evaluation({
        ...{ model, generator, trained, tasks: tried, given: texts },
        ...{ draws, counts, singleLimit, seed, scoring },
      });
      const { rows, singles, notes } = await run.rows(steadyProgress(rest.onProgress));
      if (trained && training.pairsDigest !== undefined && training.pairsDigest !== trained.digest)
        notes.unshift(`${pairs} has other pairs than those that the generator was trained on`);
      const taskCount = tried.length;
      const comparisons = comparisonsOf(rows, taskCount, seed);
      const shareOfOwn = shareOf(rows, seed);
      return {
        formatVersion: EVALUATION_VERSION,
        createdBy: `${PACKAGE.name} ${PACKAGE.version}`,
        generator: folder,
        base,
        pairs: pairs ?? null,
        texts,
        tasks: tried.map(({ name, texts: own, test }) => ({ name, prompts: own.length, test: test.length })),
        singles: { tried: singles, of: trained?.training.length ?? 0 },
        draws,
        seed,
        answers: { maxNewTokens, system: rest.system ?? null, raw: rest.raw ?? false },
        method: METHOD,
        rows,
        comparisons,
        ...(shareOfOwn && { shareOfOwn }),
        verdict: verdictOf(comparisons, { unseen: chosen.unseen, taskCount, texts, shareOfOwn }),
        notes: [...chosen.notes, ...notesOn(tried), ...notes],
        seconds: (performance.now() - began) / 1000,
      };
    } finally {
      model.dispose();
    }
  } finally {
    generator.dispose();
  }
}

interface ChosenTasks {
  tasks: readonly EvaluationTask[];
  /** Whether the generator is known not to have been trained on any of them. */
  unseen: boolean;
  notes: string[];
}

/**
 * @param trainedOn names of the generator's training tasks; null: not known
 * @throws DndError INVALID_ARGUMENT where no task is held out, unless they are named
 */
function choose(
  found: readonly EvaluationTask[],
  names: readonly string[] | undefined,
  trainedOn: readonly string[] | null,
  folder: string,
): ChosenTasks {
  if (trainedOn === null)
    return { tasks: found, unseen: false, notes: ['the generator does not say which tasks it was trained on'] };
  const known = new Set(trainedOn);
  const heldOut = found.filter(({ name }) => !known.has(name));
  if (names) {
    const seen = found.length - heldOut.length;
    const notes = seen === 0 ? [] : [`the generator was trained on ${seen} of these ${found.length} tasks`];
    return { tasks: found, unseen: seen === 0, notes };
  }
  if (heldOut.length > 0) return { tasks: heldOut, unseen: true, notes: [] };
  throw new DndError(
    'INVALID_ARGUMENT',
    `all ${found.length} tasks of ${folder} were trained on; expected a held-out task. Name tasks to evaluate them all the same`,
  );
}

/** What a reader should know of the tasks themselves. */
function notesOn(tasks: readonly TriedTask[]): string[] {
  const shared = tasks.filter(({ texts, test }) => {
    const known = new Set(texts);
    return test.some(({ prompt }) => known.has(prompt));
  });
  if (shared.length === 0) return [];
  return [
    `test prompts of ${shared.length} of ${tasks.length} tasks are also among those to generate from: ${shared[0]!.name}${shared.length > 1 ? ', …' : ''}`,
  ];
}

function checkCounts(counts: readonly number[]): number[] {
  for (const count of counts) checkWholeNumber(count, 'promptCounts', 1);
  return [...new Set(counts)].sort((one, other) => one - other);
}

/** Exact matches of a row; undefined if it was not measured. */
function exactOf(rows: readonly EvaluationRow[], id: NamedRowId): ByTask | undefined {
  const found = rows.find(({ row }) => row === id);
  return found && Object.values(found.tasks).map(({ exactMatch }) => exactMatch);
}

function comparisonsOf(rows: readonly EvaluationRow[], taskCount: number, seed: number): Comparison[] {
  const generated = exactOf(rows, 'generated')!;
  return (Object.keys(ROWS) as NamedRowId[])
    .filter((row) => row !== 'generated' && row !== 'own')
    .flatMap((row) => {
      const other = exactOf(rows, row);
      return other ? [compare(pairedDifference(generated, other, seed), row, taskCount)] : [];
    });
}

function shareOf(rows: readonly EvaluationRow[], seed: number): Interval | undefined {
  const [joint, own] = [exactOf(rows, 'joint'), exactOf(rows, 'own')];
  return joint && own && pairedShare(exactOf(rows, 'generated')!, joint, own, seed);
}
