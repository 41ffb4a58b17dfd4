import { SingleBar } from 'cli-progress';
import type { Evaluation, TrainingStep } from '../training/metrics.js';
import type { TrainingStage } from '../training/progress.js';
import type { Io } from './io.js';
import { counted, shortNumber } from './table.js';

const LABELS: Record<TrainingStage, string> = {
  pairs: 'reading the pairs',
  load: 'loading',
  base: 'loading the base model',
  responses: 'encoding responses',
  normalisation: 'computing the mean of the checkpoints',
  components: 'computing principal components',
  basis: 'computing the basis',
  importance: 'computing token importance',
  encode: 'encoding prompts',
  initialise: 'initialising the decoder',
  evaluate: 'evaluating',
  save: 'saving a checkpoint',
};

/** Number of recent steps whose mean time is shown. */
const RECENT_STEPS = 20;
/** Total number of step lines printed without a terminal. */
const LINES = 100;

/** Output of a run in progress. */
export interface TrainView {
  onProgress(fraction: number, stage: TrainingStage): void;
  onStep(step: TrainingStep): void;
  onEvaluation(evaluation: Evaluation): void;
  onCheckpoint(path: string): void;
  onNotice(message: string): void;
  /** Before anything else is printed. */
  stop(): void;
}

/** JSON lines, a bar on a terminal, or lines of text. `steps` is the total number of steps, once known. */
export function trainView(io: Io, json: boolean | undefined, steps: () => number): TrainView {
  if (json) return jsonView(io);
  return io.stderr.isTTY ? terminalView(io, steps) : lineView(io, steps);
}

function jsonView(io: Io): TrainView {
  const line = (value: unknown) => io.stdout.write(`${JSON.stringify(value)}\n`);
  return {
    onProgress: () => {},
    onStep: line,
    onEvaluation: line,
    onCheckpoint: (path) => line({ checkpoint: path }),
    onNotice: (message) => line({ notice: message }),
    stop: () => {},
  };
}

function lineView(io: Io, steps: () => number): TrainView {
  const pace = new Pace(steps);
  const line = (text: string) => io.stderr.write(`${text}\n`);
  let last: TrainingStage | undefined;
  return {
    onProgress: (_, stage) => {
      // Stages that belong to steps have their own lines.
      if (stage !== last && stage !== 'evaluate' && stage !== 'save') line(`${LABELS[stage]} …`);
      last = stage;
    },
    onStep: (step) => {
      pace.add(step);
      const every = Math.max(1, Math.floor(steps() / LINES));
      if (step.step % every === 0 || step.step === 1 || step.step === steps())
        line(`step ${step.step}/${steps()}  ${figures(step)}  ${pace.text(step.step)}`);
    },
    onEvaluation: (evaluation) => {
      for (const text of evaluationLines(evaluation)) line(text);
    },
    onCheckpoint: (path) => line(`checkpoint ${path}`),
    onNotice: (message) => line(`note: ${message}`),
    stop: () => {},
  };
}

function terminalView(io: Io, steps: () => number): TrainView {
  const pace = new Pace(steps);
  let bar: SingleBar | undefined;
  let done = 0;
  let text = '';
  const show = (value: number, total: number, payload: { label: string }) => {
    if (!bar) {
      bar = new SingleBar({
        format: '[{bar}] {label}',
        stream: io.stderr as NodeJS.WritableStream,
        hideCursor: true,
        clearOnComplete: true,
        // Its listeners would consume a second Ctrl-C, which must end the process.
        gracefulExit: false,
        barsize: 20,
      });
      bar.start(total, value, payload);
    }
    bar.setTotal(total);
    bar.update(value, payload);
  };
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  /** Above the bar, which is drawn again below it. */
  const line = (message: string) => {
    stop();
    io.stderr.write(`${message}\n`);
  };
  return {
    onProgress: (fraction, stage) => {
      if (done === 0 && stage !== 'evaluate' && stage !== 'save') show(fraction, 1, { label: LABELS[stage] });
      else show(done, steps(), { label: `${text}  ${LABELS[stage]}` });
    },
    onStep: (step) => {
      pace.add(step);
      done = step.step;
      text = `${step.step}/${steps()}  ${figures(step)}  ${pace.text(step.step)}`;
      show(done, steps(), { label: text });
    },
    onEvaluation: (evaluation) => {
      for (const each of evaluationLines(evaluation)) line(each);
    },
    onCheckpoint: (path) => line(`checkpoint ${path}`),
    onNotice: (message) => line(`note: ${message}`),
    stop,
  };
}

function figures(step: TrainingStep): string {
  const parts = [
    ['loss', step.loss],
    ['tokens', step.tokenLoss],
    ['behaviour', step.tokenLoss === undefined ? undefined : step.behaviourLoss],
    ['norm ratio', step.normRatio],
    ['gradient', step.gradientNorm],
    ['rate', step.learningRate],
  ] as const;
  return parts
    .flatMap(([name, value]) => (typeof value === 'number' ? `${name} ${shortNumber(value)}` : []))
    .join('  ');
}

function evaluationLines({ evaluation, tasks, responses }: Evaluation): string[] {
  const what = { task: 'held out', checkpoints: 'held-out checkpoints', none: 'trained on' };
  const after = `evaluation after ${counted(evaluation, 'step')}`;
  const lines = tasks.map(
    ({ task, heldOut, checkpoints, loss, normRatio, cosine }) =>
      `${after}: ${task} (${what[heldOut]}, ${checkpoints}) ` +
      `loss ${shortNumber(loss)}  norm ratio ${shortNumber(normRatio)}  cosine ${shortNumber(cosine)}`,
  );
  // Of a task whose checkpoints alone are held out the responses are trained on.
  for (const held of [true, false]) {
    const own = responses?.filter(({ heldOut }) => (heldOut === 'task') === held) ?? [];
    if (own.length === 0) continue;
    const mean = (key: 'loss' | 'exactMatch') => own.reduce((sum, one) => sum + one[key], 0) / own.length;
    lines.push(
      `${after}: responses of ${counted(own.length, 'task')} (${held ? 'held out' : 'trained on'}) ` +
        `loss ${shortNumber(mean('loss'))}  exact ${(100 * mean('exactMatch')).toFixed(1)} %`,
    );
  }
  return lines;
}

/** Speed and remaining time, estimated from all elapsed time, evaluations and checkpoints included. */
export class Pace {
  readonly #seconds: number[] = [];
  #startTime: number | undefined;
  #steps = 0;

  constructor(readonly steps: () => number) {}

  add({ seconds }: { seconds: number }): void {
    this.#startTime ??= performance.now() - 1000 * seconds;
    this.#steps++;
    this.#seconds.push(seconds);
    if (this.#seconds.length > RECENT_STEPS) this.#seconds.shift();
  }

  text(done: number): string {
    const mean = this.#seconds.reduce((sum, value) => sum + value, 0) / this.#seconds.length;
    const rate = mean < 1 ? `${shortNumber(1 / mean)} steps/s` : `${shortNumber(mean)} s/step`;
    const each = (performance.now() - (this.#startTime ?? 0)) / 1000 / this.#steps;
    return `${rate}  ${duration(each * (this.steps() - done))} left`;
  }
}

/** `3 s`, `4 min 05 s`, `2 h 07 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const padded = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${padded(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
