import { SingleBar } from 'cli-progress';
import type { FinetuneStage, FinetuneStep, FinishedTask } from '../finetuning/index.js';
import type { Io } from './io.js';
import { shortNumber } from './table.js';
import { Pace } from './train-view.js';

const LABELS: Record<FinetuneStage, string> = {
  load: 'loading the base model',
  read: 'reading the tasks',
};

/** Without a terminal: between lines about steps of a long task. */
const LINE_MS = 15_000;

/** Output of a run in progress. */
export interface FinetuneView {
  onProgress(fraction: number, stage: FinetuneStage): void;
  onStep(step: FinetuneStep): void;
  onTask(task: FinishedTask): void;
  /** Before anything else is printed. */
  stop(): void;
}

/** JSON lines, a bar on a terminal, or a line for each task and some of the steps of long ones. */
export function finetuneView(io: Io, json: boolean | undefined): FinetuneView {
  if (json) return jsonView(io);
  return io.stderr.isTTY ? terminalView(io) : lineView(io);
}

function jsonView(io: Io): FinetuneView {
  const line = (value: unknown) => io.stdout.write(`${JSON.stringify(value)}\n`);
  return {
    onProgress: () => {},
    onStep: line,
    onTask: ({ task, ...rest }) => line({ finished: task, ...rest }),
    stop: () => {},
  };
}

function lineView(io: Io): FinetuneView {
  const pace = paceOfAll();
  const line = (text: string) => io.stderr.write(`${text}\n`);
  let last: FinetuneStage | undefined;
  let left = '';
  let shown = performance.now();
  return {
    onProgress: (_, stage) => {
      if (stage !== last) line(`${LABELS[stage]} …`);
      last = stage;
    },
    onStep: (step) => {
      left = pace(step);
      const now = performance.now();
      if (now - shown < LINE_MS) return;
      shown = now;
      line(`${figures(step)}  ${left}`);
    },
    onTask: (task) => line(`${finished(task)}  ${left}`),
    stop: () => {},
  };
}

function terminalView(io: Io): FinetuneView {
  const pace = paceOfAll();
  let bar: SingleBar | undefined;
  const show = (value: number, total: number, label: string) => {
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
      bar.start(total, value, { label });
    }
    bar.setTotal(total);
    bar.update(value, { label });
  };
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    onProgress: (fraction, stage) => show(fraction, 1, LABELS[stage]),
    onStep: (step) => {
      const { total } = step;
      show(total.step, total.steps, `${total.step}/${total.steps}  ${figures(step)}  ${pace(step)}`);
    },
    onTask: (task) => {
      // Above the bar, which is drawn again below it.
      stop();
      io.stderr.write(`${finished(task)}\n`);
    },
    stop,
  };
}

function paceOfAll(): (step: FinetuneStep) => string {
  let steps = 0;
  const pace = new Pace(() => steps);
  return (step) => {
    steps = step.total.steps;
    pace.add(step);
    return pace.text(step.total.step);
  };
}

function figures({ task, step, steps, loss }: FinetuneStep): string {
  return `${task} ${step}/${steps}  loss ${shortNumber(loss)}`;
}

function finished({ task, loss, steps, path }: FinishedTask): string {
  return `${task}: loss ${shortNumber(loss)} after ${steps} steps, ${path}`;
}
