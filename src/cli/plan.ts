import { type Command, Option } from 'commander';
import { type AlgorithmChoice, INSTRUCTION_SETS, type InstructionSet } from '../engine/index.js';
import type { Feature } from '../generator/decoder-shape.js';
import { PRESET_NAMES, type PresetName } from '../generator/presets.js';
import { type GeneratorPlan, planGenerator } from '../plan/plan.js';
import { type Io, print } from './io.js';
import { algorithmOption, byteCount, json, jsonOption, threadsOption, wholeNumber } from './options.js';
import { planLines } from './plan-table.js';
import { showProgress } from './progress.js';

interface Options {
  preset?: PresetName;
  features?: readonly Feature[];
  kernelSize?: number;
  batch: number;
  isa?: InstructionSet;
  threads?: number;
  algorithm: AlgorithmChoice;
  workspace?: number;
  measure?: boolean;
  why?: boolean;
  json?: boolean;
}

export function addPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('Show what each convolution of a generator will do: algorithm, tiles, work, memory, time.')
    .argument('[generator]', 'folder of a generator, or its generator.json; the weights are not read')
    .addOption(
      new Option('--preset <name>', 'a published configuration, instead of a generator')
        .choices(PRESET_NAMES)
        .conflicts(['features', 'kernelSize']),
    )
    .addOption(
      new Option('--features <json>', 'shapes [tokens, height, width], instead of a generator').argParser(json),
    )
    .addOption(new Option('--kernel-size <n>', 'of the convolutions, odd; with --features').argParser(wholeNumber(1)))
    .addOption(new Option('--batch <n>', 'tasks together').argParser(wholeNumber(1)).default(1))
    .addOption(
      new Option('--isa <name>', 'instruction set to plan for (default: the one in use here)').choices(
        INSTRUCTION_SETS,
      ),
    )
    .addOption(threadsOption())
    .addOption(algorithmOption('how to compute the convolutions'))
    .addOption(
      new Option(
        '--workspace <bytes>',
        'most that a convolution may work in: bytes, or 4GB, 512MiB, … (default: 1GiB)',
      ).argParser(byteCount),
    )
    .option('--measure', 'run each distinct convolution, too, on random data: median seconds beside those predicted')
    .option('--why', 'list for each convolution what was not chosen, and the reason')
    .addOption(jsonOption())
    .action((generator: string | undefined, options: Options) => plan(generator, options, io));
}

async function plan(generator: string | undefined, options: Options, io: Io): Promise<void> {
  const { isa, workspace, why, json, ...settings } = options;
  const { onProgress, stop } = showProgress(io, json);
  let result: GeneratorPlan;
  try {
    result = await planGenerator({
      ...settings,
      generator,
      instructionSet: isa,
      workspaceBytes: workspace,
      signal: io.signal,
      onProgress: (fraction) => onProgress(fraction, 'measure'),
    });
  } finally {
    stop();
  }
  print(io, json, result, () => planLines(result, why));
}
