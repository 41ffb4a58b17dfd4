import type { ConditionTexts } from '../generator/condition-form.js';
import type { Generator } from '../generator/generator.js';
import {
  type AppliedAdapter,
  type LanguageModel,
  layoutOn,
  type Score,
  type ScoreOptions,
  scoresOf,
  type Trial,
} from '../language/index.js';
import { SplitMix64 } from '../random/split-mix.js';
import { meanAdapter, type PairsAdapters } from './adapters.js';
import { meanState, nearestCondition, randomCondition, shuffledPrompts } from './controls.js';
import { adaptersFrom } from './from-texts.js';
import { bootstrap } from './intervals.js';
import type { EvaluationRow } from './result.js';
import { compareRows, countRow, labelOf, type RowId } from './rows.js';
import type { TriedTask } from './tasks.js';

/** The streams of `SplitMix64.derived`. */
const STREAMS = { singles: 0, shuffle: 1, condition: 2 };

export interface Parts {
  model: LanguageModel;
  generator: Generator;
  trained: PairsAdapters | undefined;
  tasks: readonly TriedTask[];
  /** What the generator is given of a task. */
  given: ConditionTexts;
  draws: number;
  /** Numbers of texts from which adapters are generated besides. */
  counts: readonly number[];
  singleLimit: number;
  seed: number;
  scoring: ScoreOptions;
}

/** One value for each draw, of one task. */
type Scores = readonly Score[];

/** Tries every kind of adapter on every task. */
export class Evaluation {
  readonly #parts: Parts;
  readonly #rows: EvaluationRow[] = [];
  readonly #notes: string[] = [];
  #done = 0;
  #work = 1;
  #report: (fraction: number) => void = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async rows(report: (fraction: number) => void): Promise<{ rows: EvaluationRow[]; singles: number; notes: string[] }> {
    const { trained, tasks, given, singleLimit, seed, generator, draws, counts } = this.#parts;
    const singles = trained ? sampled(trained.training, singleLimit, seed) : [];
    this.#work = tasks.length * (8 + draws * (1 + counts.length) + singles.length);
    this.#report = report;
    await this.#row('base', () => [null]);
    if (trained) await this.#trainedRows(trained, singles);
    await this.#generatedRows();
    if (trained && trained.own.size > 0) await this.#ownRow(trained.own);
    if (tasks.some(({ texts }) => texts.length <= generator.promptsWanted) && draws > 1)
      this.#notes.push(
        `tasks with at most ${generator.promptsWanted} ${given}, which the generator takes, have one draw only`,
      );
    report(1);
    const rows = [...this.#rows].sort((one, other) => compareRows(one.row, other.row));
    return { rows, singles: singles.length, notes: this.#notes };
  }

  async #trainedRows(trained: PairsAdapters, singles: PairsAdapters['training']): Promise<void> {
    const { tasks, model } = this.#parts;
    for (const { adapter } of trained.training) layoutOn(adapter, model.base, model.folder);
    if (trained.joint) await this.#row('joint', () => [trained.joint]);
    if (trained.training.length === 0) {
      this.#notes.push('there are no training LoRAs to compare with: the training tasks have no checkpoints');
      return;
    }
    const mean = meanAdapter(trained.training.map(({ adapter }) => adapter));
    await this.#row('meanOfTraining', () => [mean]);
    const scores = new Map<string, Score[]>();
    for (const { task: name, adapter } of singles)
      scores.set(name, await this.#scores(tasks.map((task) => ({ task, adapter }))));
    if (singles.length > 0) {
      const average = tasks.map((_, index) => [averageOf(Array.from(scores.values(), (own) => own[index]!))]);
      this.#add('averageSingle', average);
      const exact = (own: readonly Score[]) => averageOf(own).exactMatch;
      const [best] = [...scores].sort(([, one], [, other]) => exact(other) - exact(one));
      this.#add(
        'bestSingle',
        best![1].map((score) => [score]),
        best![0],
      );
      const bestEach = (index: number) =>
        Array.from(scores.values(), (own) => own[index]!).reduce((one, other) => (isBetter(other, one) ? other : one));
      this.#add(
        'bestSingleEach',
        tasks.map((_, index) => [bestEach(index)]),
      );
    }
    await this.#nearestRow(trained);
  }

  async #nearestRow(trained: PairsAdapters): Promise<void> {
    const without = trained.training.filter(({ task }) => !trained.texts.has(task));
    if (without.length > 0) {
      this.#notes.push(
        `the training LoRA with the nearest ${this.#parts.given} is left out: ${without.length} training tasks have none`,
      );
      return;
    }
    const nearest = await this.#nearest(trained);
    await this.#row('nearestSingle', (_, index) => [trained.training[nearest[index]!]!.adapter]);
  }

  /** For each task, the index of the training task whose texts look most like its own to the text encoder. */
  async #nearest(trained: PairsAdapters): Promise<number[]> {
    const { tasks } = this.#parts;
    const known: Float32Array[] = [];
    for (const { task } of trained.training) known.push(await this.#meanState(trained.texts.get(task)!));
    const nearest: number[] = [];
    for (const { texts } of tasks) nearest.push(nearestCondition(await this.#meanState(texts), known));
    return nearest;
  }

  async #meanState(texts: readonly string[]): Promise<Float32Array> {
    const { generator, seed, scoring } = this.#parts;
    const condition = await generator.condition(texts, { seed, signal: scoring.signal });
    return meanState(condition, generator.manifest.decoder.features[0]![2]);
  }

  async #generatedRows(): Promise<void> {
    const { tasks, given, generator, seed, scoring } = this.#parts;
    const { signal } = scoring;
    const generated = new Map<string, AppliedAdapter[]>();
    for (const { name, texts } of tasks) generated.set(name, await this.#fromTexts(texts, generator.promptsWanted));
    await this.#row('generated', ({ name }) => generated.get(name)!);
    if (tasks.length > 1) {
      // Half way round the list: neighbours by name are often alike.
      const shift = Math.ceil(tasks.length / 2);
      await this.#row('otherPrompts', (_, index) =>
        generated.get(tasks[(index + shift) % tasks.length]!.name)!.slice(0, 1),
      );
    } else {
      this.#notes.push(`there is no control with the ${given} of another task: only one task is evaluated`);
    }
    await this.#row('shuffledPrompts', async ({ texts }, index) => [
      await generator.generate(shuffledPrompts(texts, SplitMix64.derived(seed, STREAMS.shuffle, index)), {
        seed,
        signal,
      }),
    ]);
    const real: Float32Array[] = [];
    for (const { texts } of tasks) real.push(await generator.condition(texts, { seed, signal }));
    const channels = generator.manifest.decoder.features[0]![2];
    await this.#row('randomCondition', async (_, index) => {
      const random = SplitMix64.derived(seed, STREAMS.condition, index);
      return [await generator.decode(randomCondition(real, channels, random), { signal })];
    });
    await this.#countRows();
  }

  async #countRows(): Promise<void> {
    const { tasks, given, counts, generator } = this.#parts;
    for (const count of counts) {
      if (count === generator.promptsWanted) this.#addGeneratedAs(countRow(count));
      else await this.#row(countRow(count), ({ texts }) => this.#fromTexts(texts, count));
      const fewer = tasks.filter(({ texts }) => texts.length < count).length;
      if (fewer > 0)
        this.#notes.push(
          `${labelOf(countRow(count), given)}: ${fewer} of ${tasks.length} tasks have fewer, and use all that they have`,
        );
    }
  }

  #fromTexts(texts: readonly string[], count: number): Promise<AppliedAdapter[]> {
    const { generator, draws, seed, scoring } = this.#parts;
    return adaptersFrom(generator, texts, count, { draws, seed, signal: scoring.signal });
  }

  #addGeneratedAs(row: RowId): void {
    const generated = this.#rows.find((one) => one.row === 'generated')!;
    this.#rows.push({ ...generated, row, label: labelOf(row, this.#parts.given) });
  }

  async #ownRow(own: PairsAdapters['own']): Promise<void> {
    const without = this.#parts.tasks.filter(({ name }) => !own.has(name));
    if (without.length > 0) {
      this.#notes.push(`the tasks' own LoRAs are left out: ${without.length} tasks have none`);
      return;
    }
    await this.#row('own', ({ name }) => [own.get(name)!]);
  }

  async #row(
    row: RowId,
    adaptersOf: (
      task: TriedTask,
      index: number,
    ) => readonly (AppliedAdapter | null)[] | Promise<readonly (AppliedAdapter | null)[]>,
  ): Promise<void> {
    const trials: Trial[] = [];
    const draws: number[] = [];
    for (const [index, task] of this.#parts.tasks.entries()) {
      const adapters = await adaptersOf(task, index);
      trials.push(...adapters.map((adapter) => ({ task, adapter })));
      draws.push(adapters.length);
    }
    const scores = await this.#scores(trials);
    this.#add(
      row,
      draws.map((count) => scores.splice(0, count)),
    );
  }

  async #scores(trials: readonly Trial[]): Promise<Score[]> {
    const { model, scoring } = this.#parts;
    const before = this.#done;
    return await scoresOf(model, trials, scoring, (done) => {
      this.#done = before + done;
      this.#report(Math.min(1, this.#done / this.#work));
    });
  }

  #add(row: RowId, scores: readonly Scores[], of: string | null = null): void {
    const { tasks, given, seed } = this.#parts;
    const valuesOf = (key: keyof Score) => scores.map((own) => own.map((score) => score[key]));
    this.#rows.push({
      row,
      label: labelOf(row, given),
      of,
      exactMatch: bootstrap(valuesOf('exactMatch'), seed),
      logLikelihood: bootstrap(valuesOf('logLikelihood'), seed),
      tasks: Object.fromEntries(
        tasks.map(({ name }, index) => [
          name,
          {
            exactMatch: scores[index]!.map((score) => score.exactMatch),
            logLikelihood: scores[index]!.map((score) => score.logLikelihood),
          },
        ]),
      ),
    });
  }
}

function averageOf(scores: readonly Score[]): Score {
  const average = (key: keyof Score) => scores.reduce((sum, score) => sum + score[key], 0) / scores.length;
  return { exactMatch: average('exactMatch'), logLikelihood: average('logLikelihood') };
}

/** By exact matches, and by likelihood where they are equal. */
function isBetter(one: Score, other: Score): boolean {
  return one.exactMatch === other.exactMatch
    ? one.logLikelihood > other.logLikelihood
    : one.exactMatch > other.exactMatch;
}

function sampled<T>(all: readonly T[], most: number, seed: number): T[] {
  if (all.length <= most) return [...all];
  const chosen = SplitMix64.derived(seed, STREAMS.singles).sample(all.length, most);
  return chosen.sort((one, other) => one - other).map((index) => all[index]!);
}
