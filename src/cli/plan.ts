import { type Command, Option } from 'commander';
import {
  type AlgorithmChoice,
  CUDA_DEVICE_MODELS,
  type CudaDeviceModelName,
  INSTRUCTION_SETS,
  type InstructionSet,
  LARGEST_BATCH,
  PRECISION_CHOICES,
  type PrecisionChoice,
} from '../engine/index.js';
import { DndError } from '../errors.js';
import type { Feature } from '../generator/decoder-shape.js';
import { PRESET_NAMES, type PresetName } from '../generator/presets.js';
import { planGeneratorOnCuda } from '../plan/cuda.js';
import { type GeneratorPlan, planGenerator } from '../plan/plan.js';
import { type Io, print } from './io.js';
import { algorithmOption, byteCount, json, jsonOption, threadsOption, wholeNumber } from './options.js';
import { cudaPlanLines } from './plan-cuda-table.js';
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
  device?: CudaDeviceModelName;
  precision?: PrecisionChoice;
  memory?: number;
  why?: boolean;
  json?: boolean;
}

export function addPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('Show the planned execution of each convolution of a generator: algorithm, tiles, work, memory, time.')
    .argument(
      '[generator]',
      'generator folder, its generator.json, or npm package that is installed; weights are not read',
    )
    .addOption(
      new Option('--preset <name>', 'published configuration, instead of a generator')
        .choices(PRESET_NAMES)
        .conflicts(['features', 'kernelSize']),
    )
    .addOption(
      new Option(
        '--features <json>',
        'decoder shapes as JSON, [tokens, height, width] each, instead of a generator',
      ).argParser(json),
    )
    .addOption(
      new Option('--kernel-size <n>', 'kernel size of the convolutions (odd); required with --features').argParser(
        wholeNumber(1),
      ),
    )
    .addOption(
      new Option('--batch <n>', 'number of prompt sets decoded together')
        .argParser(wholeNumber(1, LARGEST_BATCH))
        .default(1),
    )
    .addOption(
      new Option('--isa <name>', 'instruction set to plan for (default: the one in use)').choices(INSTRUCTION_SETS),
    )
    .addOption(threadsOption())
    .addOption(algorithmOption('convolution algorithm'))
    .addOption(
      new Option(
        '--workspace <bytes>',
        'workspace limit per convolution, e.g. 4GB or 512MiB (default: 1GiB)',
      ).argParser(byteCount),
    )
    .option('--measure', 'also run each distinct convolution on random data and print its median time')
    .addOption(
      new Option('--device <model>', 'CUDA device model to plan for; the device need not be present')
        .choices(CUDA_DEVICE_MODELS)
        .conflicts(['isa', 'threads', 'measure']),
    )
    .addOption(
      new Option('--precision <name>', 'precision on that device; requires --device (default: mixed)').choices(
        PRECISION_CHOICES,
      ),
    )
    .addOption(
      new Option(
        '--memory <bytes>',
        'device memory limit; requires --device (default: memory of the device model)',
      ).argParser(byteCount),
    )
    .option('--why', 'list the rejected candidates of each convolution, with reasons')
    .addOption(jsonOption())
    .action((generator: string | undefined, options: Options) => plan(generator, options, io));
}

async function plan(generator: string | undefined, options: Options, io: Io): Promise<void> {
  const { isa, workspace, why, json, device, precision, memory, ...settings } = options;
  if (device !== undefined) {
    const sizes = { workspaceBytes: workspace, memoryBytes: memory };
    const result = await planGeneratorOnCuda({ ...settings, generator, device, precision, ...sizes });
    print(io, json, result, () => cudaPlanLines(result, why));
    return;
  }
  if (precision !== undefined || memory !== undefined)
    throw new DndError('INVALID_ARGUMENT', '--precision and --memory require --device');
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
