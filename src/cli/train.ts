import { type Command, Option } from 'commander';
import { formatBytes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { describedNormalisation } from '../generator/normalisation-text.js';
import { readConfig } from '../training/config.js';
import { planRun, type RunPlan } from '../training/plan-run.js';
import type { TrainingSettings } from '../training/settings.js';
import { SETTINGS } from '../training/settings-table.js';
import { resumePoint, type TrainingResult, trainToEnd } from '../training/train-to-end.js';
import { Trainer } from '../training/trainer.js';
import {
  describeError,
  EXIT_FAILED,
  EXIT_TERMINATED,
  EXIT_WRONG_USAGE,
  type Io,
  interruptedExit,
  print,
  printFailure,
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
    .description('Train a generator from prompt–checkpoint pairs, or resume a run.')
    .option('--out <folder>', 'output folder of the run')
    .option('--config <file>', 'JSON file of settings, named as the flags in camelCase; flags take precedence')
    .addOption(new Option('--resume <run>', 'resume a run from its newest checkpoint').conflicts(['out', 'dryRun']))
    .option('--dry-run', 'print parameters, memory, work and predicted time without training');
  addSettingOptions(command, SETTINGS);
  command
    .option('--allow-changed-pairs', 'with --resume: accept pairs that differ from those the run started with')
    .option(
      '--allow-other-instruction-set',
      'with --resume: accept another instruction set; results are not bit-identical',
    )
    .addOption(jsonOption())
    .addHelpText('after', TAIL)
    .action((options: Options, self: Command) => train(options, givenSettings(self, SETTINGS), io, setExitCode));
}

const TAIL = `
Ctrl-C, SIGTERM or SIGHUP saves a checkpoint and prints the command that resumes the run; a second signal exits at once.
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
    throw new DndError(
      'INVALID_ARGUMENT',
      '--out or --resume is required: the output folder of a new run, or the run to resume',
    );
  const folder = options.resume ?? out!;
  let steps = 0;
  const view = trainView(io, options.json, () => steps);
  let trainer: Trainer | undefined;
  try {
    trainer = await open(folder, options, given, view, io);
    steps = trainer.settings.steps;
    const { loss, normalisation } = trainer.settings;
    if (loss !== 'behaviour' && normalisation === 'residual') view.onNotice(OF_DEVIATIONS);
    const result = await trainToEnd(trainer, { signal: io.signal, ...view });
    view.stop();
    if (result.interrupted) setExitCode(printInterruption(result, folder, options.json, io));
    else printResult(result, folder, options.json, io);
  } catch (error) {
    view.stop();
    setExitCode(await printFailedRun(error, folder, trainer !== undefined, options.json, io));
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
  const callbacks = { signal, onProgress, onNotice };
  if (resume !== undefined)
    return Trainer.resume(folder, { ...given, ...callbacks, allowChangedPairs, allowOtherInstructionSet });
  return Trainer.create({ ...(given as Partial<TrainingSettings> & Needed), out: folder, ...callbacks });
}

/** `Trainer.create` reports missing ones. */
type Needed = { pairs: string; encoder: string };

function printResult(
  { step, newSteps, checkpoint, seconds }: TrainingResult,
  folder: string,
  json: boolean | undefined,
  { stdout }: Io,
): void {
  if (json) {
    stdout.write(`${JSON.stringify({ done: true, run: folder, step, generator: checkpoint, seconds })}\n`);
    return;
  }
  stdout.write(
    `${list([
      ['generator', checkpoint],
      ['steps', `${grouped(step)}, ${grouped(newSteps)} of them in this session, in ${duration(seconds)}`],
      ['report', `dnd report ${folder}`],
    ]).join('\n')}\n`,
  );
}

function printInterruption(
  { step, checkpoint }: TrainingResult,
  folder: string,
  json: boolean | undefined,
  io: Io,
): number {
  const exitCode = interruptedExit(io, EXIT_TERMINATED);
  printFailure(io, json, { interrupted: true, step, checkpoint }, [
    ...(exitCode === EXIT_FAILED ? [`error: ${describeError(io.signal.reason).message}`] : []),
    `interrupted after ${counted(step, 'step')}; resume with: dnd train --resume ${folder}`,
  ]);
  return exitCode;
}

/** The failure, and where the run can be resumed. */
async function printFailedRun(
  error: unknown,
  folder: string,
  opened: boolean,
  json: boolean | undefined,
  io: Io,
): Promise<number> {
  const interrupted = io.signal.aborted && error === io.signal.reason;
  const from = await resumePoint(folder);
  // A run that never started is reported as any other command failure.
  if (!opened && !(interrupted && from)) throw error;
  const { code, message: failure } = describeError(error);
  const message = interrupted && code === 'ABORTED' ? 'interrupted before the first step was completed' : failure;
  const where = from?.checkpoint ? `from step ${from.step} (${from.checkpoint})` : 'from the start';
  printFailure(io, json, { error: { code, message } }, [
    `error: ${message}`,
    ...(from ? [`resume ${where} with: dnd train --resume ${folder}`] : []),
  ]);
  if (interrupted) return interruptedExit(io, EXIT_TERMINATED);
  return code === 'INVALID_ARGUMENT' ? EXIT_WRONG_USAGE : EXIT_FAILED;
}

const OF_DEVIATIONS =
  'norm ratio and cosine are those of deviations from the mean of the training checkpoints, which itself has a loss of 1';

async function dryRun(given: Partial<TrainingSettings>, json: boolean | undefined, io: Io): Promise<void> {
  const view = trainView(io, false, () => 0);
  let plan: RunPlan;
  try {
    const { onProgress, onNotice } = view;
    const callbacks = { signal: io.signal, onNotice, onProgress: json ? undefined : onProgress };
    plan = await planRun({ ...(given as Partial<TrainingSettings> & Needed), ...callbacks });
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
      `${grouped(run.parameters)} parameters, ${run.weightTokens.count} weight tokens of ${run.weightTokens.height}×${run.weightTokens.width}${run.adapter.normalisation ? `, ${describedNormalisation(run.adapter)}` : ''}`,
    ],
    ['batch', `${settings.batch}, micro-batch ${settings.microBatch}`],
    ...(memory
      ? ([
          ['memory', `${formatBytes(memory.stepBytes)} per step`],
          [
            '',
            `parameters ${formatBytes(memory.parameters)}, gradient ${formatBytes(memory.gradients)}, optimiser (${settings.moments}) ${formatBytes(memory.states)}`,
          ],
          [
            '',
            `activations ${formatBytes(memory.activations)}, saved in ${counted(memory.keptLayers, 'layer')}; data of two steps ${formatBytes(2 * memory.operands)}`,
          ],
          ...(memory.basisBytes > 0
            ? [['', `basis and weight tokens of a batch ${formatBytes(memory.basisBytes)}`] as const]
            : []),
          ['', `caches of prompts and weight tokens, at most ${formatBytes(memory.cacheBytes)}`],
          ['disk', `${formatBytes(checkpointBytes ?? 0)} for each of ${settings.keepCheckpoints} checkpoints`],
        ] as const)
      : ([['memory', memoryProblem ?? '']] as const)),
    [
      'work',
      `${shortNumber(executedFlop / 1e12)} TFLOP per step, ${shortNumber(directFlop / 1e12)} with the direct algorithm`,
    ],
    [
      'time',
      `${shortNumber(plan.secondsPerStep)} s per step, ${duration(plan.seconds)} for ${counted(settings.steps, 'step')}: predicted, convolutions only, ${counted(threads, 'thread')}`,
    ],
  ]);
}
