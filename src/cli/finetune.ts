import { basename, dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DndError } from '../errors.js';
import { exists } from '../files/index.js';
import {
  FINETUNE_FILE,
  FINETUNE_SETTINGS,
  type FinetuneConfig,
  type FinetuneResult,
  type FinetuneSettings,
  finetune,
  readFinetuneConfig,
} from '../finetuning/index.js';
import { stemOf } from '../prompts/index.js';
import { finetuneView } from './finetune-view.js';
import {
  describeError,
  EXIT_FAILED,
  EXIT_TERMINATED,
  EXIT_WRONG_USAGE,
  type Io,
  interruptedExit,
  printFailure,
} from './io.js';
import { jsonOption } from './options.js';
import { addSettingOptions, givenSettings } from './setting-options.js';
import { grouped, list } from './table.js';
import { duration } from './train-view.js';

interface Options {
  out?: string;
  config?: string;
  resume?: string;
  tasks?: string;
  train?: string;
  prompts?: string;
  task?: string;
  allowOtherInstructionSet?: boolean;
  json?: boolean;
}

type SetExitCode = (code: number) => void;

export function addFinetune(program: Command, io: Io, setExitCode: SetExitCode): void {
  const command = program
    .command('finetune')
    .description('Fine-tune LoRA adapters on tasks and collect their checkpoints as a pairs folder for dnd train.')
    .option('--out <folder>', 'output folder: a pairs folder')
    .option(
      '--config <file>',
      'JSON file: tasks, out, and settings named as the flags in camelCase; flags take precedence',
    )
    .addOption(new Option('--resume <folder>', 'resume the run in this output folder').conflicts('out'))
    .option('--tasks <folder>', 'folder of tasks: a folder for each, with train.json (prompts and responses)')
    .addOption(new Option('--train <file>', 'prompts and responses of a single task').conflicts('tasks'))
    .option(
      '--prompts <file>',
      'with --train: prompts from which the adapter is to be generated (default: those of --train)',
    )
    .option('--task <name>', "with --train: the task's name (default: that of the file)");
  addSettingOptions(command, FINETUNE_SETTINGS);
  command
    .option(
      '--allow-other-instruction-set',
      'with --resume: accept another instruction set; results are not bit-identical',
    )
    .addOption(jsonOption())
    .addHelpText('after', TAIL)
    .action((options: Options, self: Command) => run(options, givenSettings(self, FINETUNE_SETTINGS), io, setExitCode));
}

const TAIL = `
Every task starts from the same adapter, that of --start, of the joint run, or a random one, and makes --steps steps,
then --checkpoints × --checkpoint-every steps, whose adapters are the checkpoints. docs/language.md has an example.
Ctrl-C, SIGTERM or SIGHUP saves the state and prints the command that resumes the run; a second signal exits at once.
With --json every step and finished task is a line on standard output.`;

async function run(
  options: Options,
  flags: Partial<FinetuneSettings>,
  io: Io,
  setExitCode: SetExitCode,
): Promise<void> {
  const { out: configured, tasks: fromConfig, ...config } = await configOf(options);
  const out = options.resume ?? options.out ?? configured;
  if (out === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      '--out or --resume is required: the output folder of a new run, or of the run to resume',
    );
  if (options.resume !== undefined && !(await exists(join(out, FINETUNE_FILE))))
    throw new DndError(
      'FILE_NOT_FOUND',
      `${out} has no run to resume: it has no ${FINETUNE_FILE}. Give the output folder of dnd finetune`,
    );
  const tasks = tasksOf(options) ?? fromConfig;
  const { onProgress, onStep, onTask, stop } = finetuneView(io, options.json);
  try {
    const result = await finetune({
      ...{ ...config, ...flags },
      ...{ out, tasks, onProgress, onStep, onTask, signal: io.signal },
      resume: options.resume !== undefined,
      allowOtherInstructionSet: options.allowOtherInstructionSet,
    });
    stop();
    printResult(result, options.json, io);
  } catch (error) {
    stop();
    setExitCode(await printFailedRun(error, out, options.json, io));
  }
}

async function configOf({ config }: Options): Promise<FinetuneConfig> {
  return config === undefined ? {} : readFinetuneConfig(config);
}

function tasksOf({ tasks, train, task, prompts }: Options): FinetuneConfig['tasks'] {
  if (tasks !== undefined) return tasks;
  if (train === undefined) {
    const lone = task === undefined ? prompts && '--prompts' : '--task';
    if (lone === undefined) return undefined;
    throw new DndError('INVALID_ARGUMENT', `${lone} belongs to --train, which is missing`);
  }
  return [{ name: task ?? nameOf(train), train, prompts }];
}

/** `animals` for animals.json, and for animals/train.json. */
function nameOf(file: string): string {
  const name = stemOf(file);
  return name === 'train' ? basename(dirname(resolve(file))) : name;
}

function printResult({ out, tasks, newSteps, seconds }: FinetuneResult, json: boolean | undefined, io: Io): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ done: true, pairs: out, tasks, newSteps, seconds })}\n`);
    return;
  }
  const lines = list([
    ['pairs', out],
    ['tasks', `${tasks.length}`],
    ['steps', `${grouped(newSteps)} in this session, in ${duration(seconds)}`],
    ['check', `dnd pairs check ${out}`],
  ]);
  io.stdout.write(`${lines.join('\n')}\n`);
}

/** The failure, and how the run can be resumed, if it had started. */
async function printFailedRun(error: unknown, out: string, json: boolean | undefined, io: Io): Promise<number> {
  const interrupted = io.signal.aborted && error === io.signal.reason;
  const started = await exists(join(out, FINETUNE_FILE));
  const { code, message: failure } = describeError(error);
  // A run that never started is reported as any other command failure.
  if (!started || code === 'OUTPUT_EXISTS' || code === 'RUN_IN_USE') throw error;
  const resume = `resume with: dnd finetune --resume ${out}`;
  if (interrupted) {
    const exitCode = interruptedExit(io, EXIT_TERMINATED);
    const failed = exitCode === EXIT_FAILED ? [`error: ${failure}`] : [];
    printFailure(io, json, { interrupted: true, pairs: out }, [...failed, `interrupted; ${resume}`]);
    return exitCode;
  }
  printFailure(io, json, { error: { code, message: failure } }, [`error: ${failure}`, resume]);
  return code === 'INVALID_ARGUMENT' ? EXIT_WRONG_USAGE : EXIT_FAILED;
}
