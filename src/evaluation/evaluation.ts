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
import { bootstrap } from './intervals.js';
import type { EvaluationRow } from './result.js';
import { ROW_IDS, ROWS, type RowId } from './rows.js';
import type { EvaluationTask } from './tasks.js';

/** The streams of `SplitMix64.derived`. */
const STREAMS = { singles: 0, shuffle: 1, condition: 2 };

export interface Parts {
  model: LanguageModel;
  generator: Generator;
  trained: PairsAdapters | undefined;
  tasks: readonly EvaluationTask[];
  draws: number;
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

  async rows(report: (fraction: number) => void): Promise<{ rows: EvaluationRow[]; tried: number; notes: string[] }> {
    const { trained, tasks, singleLimit, seed, generator, draws } = this.#parts;
    const singles = trained ? sampled(trained.training, singleLimit, seed) : [];
    this.#work = tasks.length * (8 + draws + singles.length);
    this.#report = report;
    await this.#row('base', () => [null]);
    if (trained) await this.#trainedRows(trained, singles);
    await this.#generatedRows();
    if (trained && trained.own.size > 0) await this.#ownRow(trained.own);
    if (tasks.some(({ prompts }) => prompts.length <= generator.promptsWanted) && draws > 1)
      this.#notes.push(
        `tasks with at most ${generator.promptsWanted} prompts, which the generator takes, have one draw only`,
      );
    report(1);
    const rows = [...this.#rows].sort((one, other) => ROW_IDS.indexOf(one.row) - ROW_IDS.indexOf(other.row));
    return { rows, tried: singles.length, notes: this.#notes };
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
    const nearest = await this.#nearest(trained);
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
    }
    await this.#row('nearestSingle', (_, index) => [trained.training[nearest[index]!]!.adapter]);
  }

  /** For each task, the index of the training task whose prompts look most like its own to the text encoder. */
  async #nearest(trained: PairsAdapters): Promise<number[]> {
    const { tasks } = this.#parts;
    const known: Float32Array[] = [];
    for (const { task } of trained.training) known.push(await this.#meanState(trained.prompts.get(task)!));
    const nearest: number[] = [];
    for (const { prompts } of tasks) nearest.push(nearestCondition(await this.#meanState(prompts), known));
    return nearest;
  }

  async #meanState(prompts: readonly string[]): Promise<Float32Array> {
    const { generator, seed, scoring } = this.#parts;
    const condition = await generator.condition(prompts, { seed, signal: scoring.signal });
    return meanState(condition, generator.manifest.decoder.features[0]![2]);
  }

  async #generatedRows(): Promise<void> {
    const { tasks, generator, draws, seed, scoring } = this.#parts;
    const { signal } = scoring;
    const seeds = (prompts: readonly string[]) =>
      Array.from({ length: prompts.length > generator.promptsWanted ? draws : 1 }, (_, draw) => seed + draw);
    const generated = new Map<string, AppliedAdapter[]>();
    for (const { name, prompts } of tasks) {
      const own: AppliedAdapter[] = [];
      for (const one of seeds(prompts)) own.push(await generator.generate(prompts, { seed: one, signal }));
      generated.set(name, own);
    }
    await this.#row('generated', ({ name }) => generated.get(name)!);
    if (tasks.length > 1) {
      // Half way round the list: neighbours by name are often alike.
      const shift = Math.ceil(tasks.length / 2);
      await this.#row('otherPrompts', (_, index) =>
        generated.get(tasks[(index + shift) % tasks.length]!.name)!.slice(0, 1),
      );
    } else {
      this.#notes.push('there is no control with the prompts of another task: only one task is evaluated');
    }
    await this.#row('shuffledPrompts', async ({ prompts }, index) => [
      await generator.generate(shuffledPrompts(prompts, SplitMix64.derived(seed, STREAMS.shuffle, index)), {
        seed,
        signal,
      }),
    ]);
    const real: Float32Array[] = [];
    for (const { prompts } of tasks) real.push(await generator.condition(prompts, { seed, signal }));
    const channels = generator.manifest.decoder.features[0]![2];
    await this.#row('randomCondition', async (_, index) => {
      const random = SplitMix64.derived(seed, STREAMS.condition, index);
      return [await generator.decode(randomCondition(real, channels, random), { signal })];
    });
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
      task: EvaluationTask,
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
    const { tasks, seed } = this.#parts;
    const valuesOf = (key: keyof Score) => scores.map((own) => own.map((score) => score[key]));
    this.#rows.push({
      row,
      label: ROWS[row],
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

function sampled<T>(all: readonly T[], most: number, seed: number): T[] {
  if (all.length <= most) return [...all];
  const chosen = SplitMix64.derived(seed, STREAMS.singles).sample(all.length, most);
  return chosen.sort((one, other) => one - other).map((index) => all[index]!);
}
