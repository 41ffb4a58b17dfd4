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
    .addOption(new Option('--batch <n>', 'tasks together').argParser(wholeNumber(1, LARGEST_BATCH)).default(1))
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
    .addOption(
      new Option('--device <model>', 'a CUDA device to plan for; none is needed here')
        .choices(CUDA_DEVICE_MODELS)
        .conflicts(['isa', 'threads', 'measure']),
    )
    .addOption(new Option('--precision <name>', 'with --device (default: mixed)').choices(PRECISION_CHOICES))
    .addOption(
      new Option('--memory <bytes>', "with --device: most of its memory to take (default: the model's)").argParser(
        byteCount,
      ),
    )
    .option('--why', 'list for each convolution what was not chosen, and the reason')
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
    throw new DndError('INVALID_ARGUMENT', '--precision and --memory are of a device: name it with --device');
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
