import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { formatBytes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { readConfig } from '../training/config.js';
import { planRun, type RunPlan } from '../training/plan-run.js';
import { RUN_FILE } from '../training/run-description.js';
import { listCheckpoints } from '../training/run-folder.js';
import type { TrainingSettings } from '../training/settings.js';
import { Trainer } from '../training/trainer.js';
import {
  describeError,
  EXIT_FAILED,
  EXIT_INTERRUPTED,
  EXIT_TERMINATED,
  EXIT_WRONG_USAGE,
  type Io,
  print,
} from './io.js';
import { jsonOption } from './options.js';
import { addSettingOptions, givenSettings } from './setting-options.js';
import { counted, grouped, list, shortNumber } from './table.js';
import { duration, type TrainView, trainView } from './train-view.js';

interface Options {
  out?: string;
  config?: string;
  resume?: string;
  dryRun?: boolean;
  allowChangedPairs?: boolean;
  allowOtherInstructionSet?: boolean;
  json?: boolean;
}

type SetExitCode = (code: number) => void;

export function addTrain(program: Command, io: Io, setExitCode: SetExitCode): void {
  const command = program
    .command('train')
    .description('Train a generator from prompt–checkpoint pairs, or go on with a run.')
    .option('--out <folder>', 'where the run goes')
    .option('--config <file>', 'settings as JSON, under the names of the flags without hyphens; flags come first')
    .addOption(new Option('--resume <run>', 'go on with a run from its newest checkpoint').conflicts(['out', 'dryRun']))
    .option('--dry-run', 'print parameters, memory, work and predicted time, and do nothing');
  addSettingOptions(command);
  command
    .option('--allow-changed-pairs', 'with --resume: though the pairs are others than those that the run began with')
    .option('--allow-other-instruction-set', 'with --resume: though it gives other last bits')
    .addOption(jsonOption())
    .addHelpText('after', TAIL)
    .action((options: Options, self: Command) => train(options, givenSettings(self), io, setExitCode));
}

const TAIL = `
Interrupted by Ctrl-C or SIGTERM, it saves a checkpoint and says how to go on; at the second signal it ends at once.
With --json every step, evaluation and checkpoint is a line on standard output.`;

async function train(
  options: Options,
  flags: Partial<TrainingSettings>,
  io: Io,
  setExitCode: SetExitCode,
): Promise<void> {
  const { out: configured, ...config } = options.config === undefined ? {} : await readConfig(options.config);
  const given = { ...config, ...flags };
  const out = options.out ?? configured;
  if (options.dryRun) return dryRun(given, options.json, io);
  if (options.resume === undefined && out === undefined)
    throw new DndError('INVALID_ARGUMENT', 'give --out, where the run goes, or --resume, the run to go on with');
  const folder = options.resume ?? out!;
  let steps = 0;
  const view = trainView(io, options.json, () => steps);
  let trainer: Trainer | undefined;
  try {
    trainer = await open(folder, options, given, view, io);
    steps = trainer.settings.steps;
    await runToTheEnd(trainer, folder, options.json, view, io, setExitCode);
  } catch (error) {
    view.stop();
    await explain(error, folder, trainer !== undefined, options.json, io, setExitCode);
  } finally {
    view.stop();
    await trainer?.dispose();
  }
}

function open(
  folder: string,
  { resume, allowChangedPairs, allowOtherInstructionSet }: Options,
  given: Partial<TrainingSettings>,
  { onProgress, onNotice }: TrainView,
  { signal }: Io,
): Promise<Trainer> {
  const watching = { signal, onProgress, onNotice };
  if (resume !== undefined)
    return Trainer.resume(folder, { ...given, ...watching, allowChangedPairs, allowOtherInstructionSet });
  return Trainer.create({ ...(given as Partial<TrainingSettings> & Needed), out: folder, ...watching });
}

/** `Trainer.create` names what of it is missing. */
type Needed = { pairs: string; encoder: string };

async function runToTheEnd(
  trainer: Trainer,
  folder: string,
  json: boolean | undefined,
  view: TrainView,
  io: Io,
  setExitCode: SetExitCode,
): Promise<void> {
  const { onEvaluation, onCheckpoint, onProgress } = view;
  const before = trainer.step;
  const began = performance.now();
  try {
    const run = trainer.run({ signal: io.signal, onEvaluation, onCheckpoint, onProgress });
    for await (const step of run) view.onStep(step);
  } catch (error) {
    if (!io.signal.aborted || error !== io.signal.reason) throw error;
    const checkpoint = await trainer.save({ onProgress });
    view.stop();
    const reason = io.signal.reason;
    setExitCode(reason instanceof DndError && reason.cause === 'SIGTERM' ? EXIT_TERMINATED : EXIT_INTERRUPTED);
    const { step } = trainer;
    if (json) io.stdout.write(`${JSON.stringify({ interrupted: true, step, checkpoint })}\n`);
    else io.stderr.write(`interrupted after ${counted(step, 'step')}; go on with: dnd train --resume ${folder}\n`);
    return;
  }
  view.stop();
  const seconds = (performance.now() - began) / 1000;
  const generator = await trainer.save();
  const { step } = trainer;
  if (json) {
    io.stdout.write(`${JSON.stringify({ done: true, run: folder, step, generator, seconds })}\n`);
    return;
  }
  io.stdout.write(
    `${list([
      ['generator', generator],
      ['steps', `${grouped(step)}, ${grouped(step - before)} of them now, in ${duration(seconds)}`],
      ['report', `dnd report ${folder}`],
    ]).join('\n')}\n`,
  );
}

/** The failure, and from where the run can go on. */
async function explain(
  error: unknown,
  folder: string,
  opened: boolean,
  json: boolean | undefined,
  io: Io,
  setExitCode: SetExitCode,
): Promise<void> {
  const interrupted = io.signal.aborted && error === io.signal.reason;
  const begun = await access(join(folder, RUN_FILE)).then(
    () => true,
    () => false,
  );
  // What never began is told of as every command's failure is.
  if (!opened && !(interrupted && begun)) throw error;
  const { code, message: failure } = describeError(error);
  const message = interrupted ? 'interrupted before a step was done' : failure;
  setExitCode(exitCodeOf(code, interrupted, io));
  if (json) {
    io.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
    return;
  }
  const newest = (await listCheckpoints(folder).catch(() => [])).at(-1);
  const from = newest ? `from step ${newest.step} (${newest.path})` : 'from the beginning';
  io.stderr.write(`error: ${message}\n`);
  if (begun) io.stderr.write(`the run can go on ${from} with: dnd train --resume ${folder}\n`);
}

function exitCodeOf(code: string, interrupted: boolean, { signal }: Io): number {
  if (!interrupted) return code === 'INVALID_ARGUMENT' ? EXIT_WRONG_USAGE : EXIT_FAILED;
  const { reason } = signal;
  return reason instanceof DndError && reason.cause === 'SIGTERM' ? EXIT_TERMINATED : EXIT_INTERRUPTED;
}

async function dryRun(given: Partial<TrainingSettings>, json: boolean | undefined, io: Io): Promise<void> {
  const view = trainView(io, false, () => 0);
  let plan: RunPlan;
  try {
    const { onProgress, onNotice } = view;
    const watching = { signal: io.signal, onNotice, onProgress: json ? undefined : onProgress };
    plan = await planRun({ ...(given as Partial<TrainingSettings> & Needed), ...watching });
  } finally {
    view.stop();
  }
  print(io, json, plan, () => planLines(plan));
}

function planLines(plan: RunPlan): string[] {
  const { run, memory, memoryProblem, checkpointBytes, directFlop, executedFlop, threads } = plan;
  const { settings } = run;
  const tasks = run.pairs.tasks;
  const trained = tasks.filter(({ heldOut }) => !heldOut);
  const checkpoints = trained.reduce((sum, task) => sum + task.checkpoints - task.heldOutCheckpoints, 0);
  return list([
    [
      'pairs',
      `${run.pairs.folder}: ${counted(trained.length, 'task')} to train on, with ${counted(checkpoints, 'checkpoint')}; ${tasks.length - trained.length} held out`,
    ],
    [
      'decoder',
      `${grouped(run.parameters)} parameters, ${run.weightTokens.count} weight tokens of ${run.weightTokens.height}×${run.weightTokens.width}`,
    ],
    ['batch', `${settings.batch}, ${settings.microBatch} at once`],
    ...(memory
      ? ([
          ['memory', `${formatBytes(memory.stepBytes)} for a step`],
          [
            '',
            `parameters ${formatBytes(memory.parameters)}, gradient ${formatBytes(memory.gradients)}, optimiser (${settings.moments}) ${formatBytes(memory.states)}`,
          ],
          [
            '',
            `activations ${formatBytes(memory.activations)}, kept in ${counted(memory.keptLayers, 'layer')}; data of two steps ${formatBytes(2 * memory.operands)}`,
          ],
          ['', `caches of prompts and weight tokens, at most ${formatBytes(memory.cacheBytes)}`],
          ['disk', `${formatBytes(checkpointBytes ?? 0)} for each of ${settings.keepCheckpoints} checkpoints`],
        ] as const)
      : ([['memory', memoryProblem ?? '']] as const)),
    [
      'work',
      `${shortNumber(executedFlop / 1e12)} TFLOP for a step, ${shortNumber(directFlop / 1e12)} by the direct algorithm`,
    ],
    [
      'time',
      `${shortNumber(plan.secondsPerStep)} s for a step, ${duration(plan.seconds)} for ${counted(settings.steps, 'step')}: predicted for the convolutions, ${counted(threads, 'thread')}`,
    ],
  ]);
}
