import { type Command, Option } from 'commander';
import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import type { Device } from '../engine/index.js';
import { writeFoldersTogether } from '../generator/folders-together.js';
import { ADAPTER_DTYPES, type SavedDtype } from '../generator/generated-adapter.js';
import { Generator } from '../generator/generator.js';
import type { GenerationReport } from '../generator/report.js';
import { readPromptSet } from '../prompts/index.js';
import { checkPath } from '../validation/index.js';
import { adapterFolders } from './adapter-folders.js';
import { type Io, print } from './io.js';
import {
  byteCount,
  deviceOption,
  forceOption,
  jsonOption,
  precisionOption,
  threadsOption,
  wholeNumber,
} from './options.js';
import { showProgress } from './progress.js';
import { counted, grouped, list, shortNumber } from './table.js';

interface Options {
  generator: string;
  prompts: string[];
  out: string;
  seed: number;
  dtype: SavedDtype;
  encoder?: string;
  threads?: number;
  memoryLimit?: number;
  device: Device;
  precision?: 'fp32';
  force?: boolean;
  json?: boolean;
}

interface Saved {
  prompts: string;
  adapter: string;
  dtype: SavedDtype;
  report: GenerationReport;
}

export function addGenerate(program: Command, io: Io): void {
  program
    .command('generate')
    .description('Make a LoRA adapter from the unlabeled prompts of a task.')
    .requiredOption('--generator <folder>', 'the generator')
    .requiredOption(
      '--prompts <files...>',
      '.txt, .json, .jsonl or .csv, or - for standard input; several files make several adapters',
    )
    .requiredOption('--out <folder>', 'where the adapter goes; of several, a sub-folder for each prompt file')
    .addOption(new Option('--seed <n>', 'of the choice of prompts').argParser(wholeNumber(0)).default(0))
    .addOption(
      new Option('--dtype <name>', 'of the saved tensors').choices(Object.keys(ADAPTER_DTYPES)).default('bf16'),
    )
    .option('--encoder <folder>', "the generator's text encoder, if it is not in the generator's folder")
    .addOption(
      new Option(
        '--memory-limit <bytes>',
        "most that the decoder may use, such as 8GB, of a CUDA device's memory where it works on one; more is faster",
      ).argParser(byteCount),
    )
    .addOption(forceOption('an adapter'))
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Options) => generate(options, io));
}

async function generate({ json, ...options }: Options, io: Io): Promise<void> {
  const folders = adapterFolders(options.prompts, options.out);
  checkPath(options.generator, '--generator');
  const sets: [string, string[]][] = [];
  for (const [place, file] of options.prompts.entries())
    sets.push([String(place), await readPromptSet(file, io.stdin, io.signal)]);
  const { onProgress, stop } = showProgress(io, json);
  const saved: Saved[] = [];
  const { force, seed, dtype, generator: source, encoder, threads, memoryLimit, device, precision } = options;
  const { signal } = io;
  try {
    // The folders are begun before the work, so that one that cannot be written costs no time.
    await writeFoldersTogether(folders, { force, signal, marker: PEFT_CONFIG_FILE }, async (stagings) => {
      const generator = await Generator.load(source, {
        encoder,
        threads,
        memoryLimitBytes: memoryLimit,
        device,
        precision,
        signal,
        onProgress,
      });
      try {
        for await (const { adapter } of generator.generateMany(sets, { seed, signal, onProgress })) {
          await adapter.save(stagings[saved.length]!, { dtype, signal });
          const place = saved.length;
          saved.push({ prompts: options.prompts[place]!, adapter: folders[place]!, dtype, report: adapter.report });
        }
      } finally {
        generator.dispose();
      }
    });
  } finally {
    stop();
  }
  print(io, json, saved, () => saved.flatMap((one, index) => (index > 0 ? ['', ...summary(one)] : summary(one))));
}

function summary({ prompts, adapter, dtype, report }: Saved): string[] {
  const { encode, decode, restore } = report.seconds;
  const together = report.batch > 1 ? `, ${report.batch} prompt sets together` : '';
  const { tensors, parameters, norm, rank, alpha, useRslora } = report.adapter;
  return list([
    ['adapter', adapter],
    [
      '',
      `${counted(tensors, 'tensor')}, ${grouped(parameters)} parameters in ${dtype}, rank ${rank}, alpha ${alpha}${useRslora ? ', rsLoRA' : ''}, norm ${shortNumber(norm)}`,
    ],
    ['prompts', `${prompts}: ${promptSummary(report)}`],
    [
      'time',
      `encode ${encode.toFixed(2)} s, decode ${decode.toFixed(2)} s, restore ${restore.toFixed(2)} s${together}`,
    ],
    ['device', deviceSummary(report)],
    ...(report.generator.notice ? [['note', report.generator.notice] as const] : []),
  ]);
}

function deviceSummary({ device: { name, kind, precision, fallback } }: GenerationReport): string {
  const how = kind === 'cuda' ? `, ${precision}` : '';
  return name + how + (fallback === null ? '' : `: no CUDA device: ${fallback}`);
}

function promptSummary({ prompts, seed }: GenerationReport): string {
  const { given, wanted, used, dropped, repeated, truncated, tokens } = prompts;
  const chosen = dropped > 0 || repeated > 0 ? ` (seed ${seed})` : '';
  const parts = [
    `${counted(given, 'prompt')} for a generator that wants ${wanted}: ${used} used${chosen}`,
    ...(dropped ? [`${dropped} left out`] : []),
    ...(repeated ? [`${counted(repeated, 'draw')} repeated`] : []),
    ...(truncated.length ? [`${truncated.length} truncated`] : []),
    counted(tokens, 'token'),
  ];
  return parts.join(', ');
}
