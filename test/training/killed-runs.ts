import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainerEngine } from '../../src/engine/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { loadCheckpoint, readTrainingState } from '../../src/training/checkpoint.js';
import { listCheckpoints } from '../../src/training/run-folder.js';
import { TINY_SETTINGS, TINY_TOKENS } from '../generator/tiny.js';
import { writePairs } from './workshop.js';

/** Where a kill fell, by what it left behind. */
export type Phase =
  | 'before the run was there'
  | 'before its first checkpoint'
  | 'between resuming and the next step'
  | 'between checkpoints'
  | 'while a checkpoint was written or removed';

export interface Kill {
  /** Which of the runs, from 0. */
  run: number;
  afterMs: number;
  phase: Phase;
  /** Of the newest checkpoint that was left; null: none. */
  step: number | null;
}

export interface KilledRuns {
  kills: Kill[];
  /** Runs that were brought to their end, each equal to the uninterrupted one of the same moments. */
  runs: { moments: Moments; kills: number; differences: string[] }[];
  /** What is wrong, a sentence each. */
  problems: string[];
  uninterruptedMs: Record<Moments, number>;
  seconds: number;
}

export type Moments = 'fp32' | '8bit';

export interface KilledRunsOptions {
  /** An empty folder. */
  folder: string;
  kills: number;
  seed: number;
  steps: number;
  checkpointEvery: number;
  /** Arguments of Node before those of `dnd`. */
  command: readonly string[];
}

const MOMENTS: readonly Moments[] = ['8bit', 'fp32'];
const FEATURES = [TINY_SETTINGS.features[0], [24, 8, 16], TINY_TOKENS] as const;
const KERNEL_SIZE = 5;
const KEPT = 3;
/** Every so many kills one waits for a checkpoint that is being written, however seldom chance hits it. */
const AIMED_EVERY = 4;
/** Of so many runs the first kill of one comes at once, and that of one as soon as the run is there, without checkpoint. */
const AIMED_RUNS = 3;
const AT_ONCE_MS = 50;
/** From what was waited for. */
const AIM_MS = 12;
/** Of a run's usual time: what kills of some runs have at most, so that these runs are killed many times. */
const IMPATIENT = 0.6;
const LEFTOVER = /^\..*\.(?:partial|replaced|removed)-/;
/** Times that no two runs share, and where the metrics end because of them. */
const TIMES = new Set(['seconds', 'dataSeconds']);

/**
 * Trains tiny decoders through the command, killing the process again and again at random moments and resuming, until so
 * many kills have fallen; looks at the checkpoints after each, and compares each finished run with an uninterrupted one.
 */
export async function runAndKill(options: KilledRunsOptions): Promise<KilledRuns> {
  const began = performance.now();
  const killing = new Killing(options);
  await killing.prepare();
  await killing.untilEnough();
  const { kills, runs, problems } = killing;
  const uninterruptedMs = Object.fromEntries(killing.usualMs) as Record<Moments, number>;
  return { kills, runs, problems, uninterruptedMs, seconds: (performance.now() - began) / 1000 };
}

class Killing {
  readonly kills: Kill[] = [];
  readonly runs: KilledRuns['runs'] = [];
  readonly problems: string[] = [];
  readonly usualMs = new Map<Moments, number>();
  readonly #options: KilledRunsOptions;
  readonly #random: SplitMix64;

  constructor(options: KilledRunsOptions) {
    this.#options = options;
    this.#random = SplitMix64.seeded(options.seed);
  }

  async prepare(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    await writePairs(this.#pairs, { tasks: { animals: { checkpoints: 6 }, plants: { checkpoints: 6 } } });
    for (const moments of MOMENTS) {
      const began = performance.now();
      const { code, stderr } = await this.#start(this.#beginning(this.#reference(moments), moments)).ended;
      if (code !== 0) throw new Error(`the uninterrupted run ended with ${code}:\n${stderr}`);
      this.usualMs.set(moments, performance.now() - began);
    }
  }

  async untilEnough(): Promise<void> {
    for (let run = 0; this.kills.length < this.#options.kills; run++) {
      const moments = MOMENTS[run % MOMENTS.length]!;
      const before = this.kills.length;
      await this.#oneRun(run, moments);
      const differences = await differencesOf(this.#place(run), this.#reference(moments));
      this.problems.push(...differences.map((what) => `run ${run} (${moments}): ${what}`));
      this.runs.push({ moments, kills: this.kills.length - before, differences });
    }
  }

  /** From nothing to the end, killed as often as kills fall before the end. */
  async #oneRun(run: number, moments: Moments): Promise<void> {
    const folder = this.#place(run);
    // Every second pair of runs is killed early and often.
    const most = this.usualMs.get(moments)! * (run % 4 < 2 ? 1 : IMPATIENT);
    while (true) {
      const begun = (await namesIn(folder)).includes('run.json');
      const threads = String(1 + this.#random.below(2));
      const process = this.#start([
        ...(begun ? ['train', '--resume', folder] : this.#beginning(folder, moments)),
        '--threads',
        threads,
      ]);
      const before = { lines: await metricsLines(folder), leftovers: await leftoversIn(folder) };
      const enough = this.kills.length >= this.#options.kills;
      const afterMs = enough ? null : await this.#killSomewhere(process.child, run, most);
      const { code, signal, stderr } = await process.ended;
      if (signal === 'SIGKILL') {
        await this.#examine({ run, folder, moments, afterMs: afterMs!, before });
        continue;
      }
      if (code === 0) return;
      throw new Error(`run ${run} ended with ${code ?? signal} after ${this.kills.length} kills:\n${stderr}`);
    }
  }

  /** @returns after how long the process was killed, if it still was there */
  async #killSomewhere(child: ChildProcess, run: number, mostMs: number): Promise<number> {
    const began = performance.now();
    const folder = this.#place(run);
    const gone = new AbortController();
    const ended = once(child, 'exit').then(() => gone.abort());
    const waitMs = (this.#random.below(2 ** 20) / 2 ** 20) * mostMs;
    const aimMs = (this.#random.below(2 ** 20) / 2 ** 20) * AIM_MS;
    const fresh = !(await namesIn(folder)).includes('run.json');
    const first = fresh && !this.kills.some((kill) => kill.run === run);
    if (first && run % AIMED_RUNS === 0) {
      await appears(folder, 'run.json', gone.signal);
      await Promise.race([later(aimMs), ended]);
    } else if (first && run % AIMED_RUNS === 1) {
      await Promise.race([later((waitMs / mostMs) * AT_ONCE_MS), ended]);
    } else {
      await Promise.race([later(waitMs), ended]);
      if (this.kills.length % AIMED_EVERY === AIMED_EVERY - 1) {
        await checkpointBegun(folder, gone.signal);
        await Promise.race([later(aimMs), ended]);
      }
    }
    child.kill('SIGKILL');
    return performance.now() - began;
  }

  async #examine(kill: {
    run: number;
    folder: string;
    moments: Moments;
    afterMs: number;
    before: Before;
  }): Promise<void> {
    const { run, folder, moments, afterMs, before } = kill;
    const checkpoints = await listCheckpoints(folder);
    for (const { path } of checkpoints)
      await loadWhole(path, moments).catch((error: Error) => {
        this.problems.push(`run ${run}, kill ${this.kills.length + 1}: ${path} cannot be loaded: ${error.message}`);
      });
    const step = checkpoints.at(-1)?.step ?? null;
    this.kills.push({ run, afterMs, step, phase: await phaseOf(folder, step, before) });
  }

  #start(argv: readonly string[]) {
    const child = spawn(process.execPath, [...this.#options.command, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-4000);
    });
    const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }));
    return { child, ended };
  }

  #beginning(folder: string, moments: Moments): string[] {
    const { steps, checkpointEvery } = this.#options;
    return [
      ...['train', '--pairs', this.#pairs, '--encoder', 'hash', '--out', folder, '--moments', moments],
      ...['--features', JSON.stringify(FEATURES), '--kernel-size', String(KERNEL_SIZE)],
      ...['--steps', String(steps), '--batch', '2', '--learning-rate', '0.001', '--form', 'mix'],
      ...['--checkpoint-every', String(checkpointEvery), '--keep-checkpoints', String(KEPT)],
      ...['--evaluate-every', String(4 * checkpointEvery + 1)],
    ];
  }

  get #pairs(): string {
    return join(this.#options.folder, 'pairs');
  }

  #reference(moments: Moments): string {
    return join(this.#options.folder, `uninterrupted-${moments}`);
  }

  #place(run: number): string {
    return join(this.#options.folder, `run-${run}`);
  }
}

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const namesIn = (folder: string) => readdir(folder).catch((): string[] => []);

async function appears(folder: string, name: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await namesIn(folder)).includes(name)) await later(1);
}

/** Resolves once something that is no checkpoint yet, or none any more, appears among the checkpoints. */
async function checkpointBegun(folder: string, signal: AbortSignal): Promise<void> {
  await appears(folder, 'checkpoints', signal);
  if (signal.aborted) return;
  try {
    for await (const { filename } of watch(join(folder, 'checkpoints'), { signal }))
      if (LEFTOVER.test(String(filename))) return;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function metricsLines(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

/** The contents of the folder when the killed process started. */
interface Before {
  lines: number;
  leftovers: readonly string[];
}

const leftoversIn = async (folder: string) =>
  (await namesIn(join(folder, 'checkpoints'))).filter((name) => LEFTOVER.test(name));

async function phaseOf(folder: string, step: number | null, before: Before): Promise<Phase> {
  if (!(await namesIn(folder)).includes('run.json')) return 'before the run was there';
  const leftovers = await leftoversIn(folder);
  if (leftovers.some((name) => !before.leftovers.includes(name))) return 'while a checkpoint was written or removed';
  if (step === null) return 'before its first checkpoint';
  return (await metricsLines(folder)) <= before.lines ? 'between resuming and the next step' : 'between checkpoints';
}

/** Everything that a resumed run would read from it. */
async function loadWhole(path: string, moments: Moments): Promise<void> {
  const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1, maxGradientNorm: 1, moments };
  const engine = await TrainerEngine.create({ features: FEATURES, kernelSize: KERNEL_SIZE, threads: 1, optimiser });
  try {
    await loadCheckpoint(path, engine, await readTrainingState(path), {});
  } finally {
    engine.dispose();
  }
}

/** What the two runs' ends do not have in common: tensors byte for byte, metrics but for times. */
export async function differencesOf(folder: string, reference: string): Promise<string[]> {
  const [own, expected] = await Promise.all([listCheckpoints(folder), listCheckpoints(reference)]);
  const steps = (list: typeof own) => list.map(({ step }) => step).join(', ');
  if (steps(own) !== steps(expected)) return [`checkpoints of steps ${steps(own)}, not ${steps(expected)}`];
  const differences: string[] = [];
  for (const [index, { step, path }] of expected.entries())
    for (const name of ['decoder.safetensors', 'optimiser.safetensors', 'generator.json']) {
      const [ours, theirs] = await Promise.all([readFile(join(own[index]!.path, name)), readFile(join(path, name))]);
      if (!ours.equals(theirs)) differences.push(`${name} of step ${step} differs`);
    }
  const [ours, theirs] = await Promise.all([metricsOf(folder), metricsOf(reference)]);
  if (ours !== theirs) differences.push('metrics.jsonl differs');
  return differences;
}

async function metricsOf(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8');
  const lines = text.trimEnd().split('\n');
  return lines
    .map((line) => JSON.stringify(JSON.parse(line), (key, value) => (TIMES.has(key) ? undefined : value)))
    .join('\n');
}
