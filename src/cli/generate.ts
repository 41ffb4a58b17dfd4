import { type Command, Option } from 'commander';
import { type Device, formatBytes, type PrecisionName } from '../engine/index.js';
import { DndError } from '../errors.js';
import {
  ADAPTER_FORMATS,
  ADAPTER_MARKERS,
  type AdapterFormat,
  checkSaving,
  SAVED_DTYPES,
  type SavedDtype,
} from '../generator/adapter-formats.js';
import { type ConditionTexts, requireTexts } from '../generator/condition-form.js';
import { writeFoldersTogether } from '../generator/folders-together.js';
import { Generator } from '../generator/generator.js';
import type { GenerationReport } from '../generator/report.js';
import { type PromptFields, readDescriptions, readPromptSet } from '../prompts/index.js';
import { checkPath } from '../validation/index.js';
import { adapterFolders } from './adapter-folders.js';
import { type Io, print } from './io.js';
import {
  byteCount,
  deviceOption,
  forceOption,
  jsonOption,
  precisionOption,
  promptFieldOption,
  promptSystemOption,
  threadsOption,
  wholeNumber,
} from './options.js';
import { showProgress } from './progress.js';
import { counted, grouped, list, shortNumber } from './table.js';

interface Options extends PromptFields {
  generator: string;
  prompts?: string[];
  descriptions?: string[];
  description?: string[];
  out: string;
  seed: number;
  allPrompts?: boolean;
  dtype: SavedDtype;
  format: AdapterFormat;
  encoder?: string;
  threads?: number;
  memoryLimit?: number;
  device: Device;
  precision?: PrecisionName;
  force?: boolean;
  json?: boolean;
}

/** What adapters are generated from: for each a set of texts. */
interface Sources {
  texts: ConditionTexts;
  /** Of files, or of the option that holds the texts. */
  names: string[];
  folders: string[];
  sets: [string, string[]][];
}

interface Saved {
  /** Of the file. */
  prompts: string;
  adapter: string;
  dtype: SavedDtype;
  format: AdapterFormat;
  /** Of the files. */
  writeSeconds: number;
  report: GenerationReport;
}

export function addGenerate(program: Command, io: Io): void {
  program
    .command('generate')
    .description('Generate a LoRA adapter from the unlabeled prompts of a task, or from descriptions of it.')
    .requiredOption('--generator <path>', 'generator: folder, or npm package that is installed')
    .addOption(
      new Option(
        '--prompts <files...>',
        'prompt files (.txt, .json, .jsonl, .csv, .tsv; also .gz), or - for standard input; several files produce several adapters',
      ).conflicts(['descriptions', 'description']),
    )
    .addOption(
      new Option(
        '--descriptions <files...>',
        'for a generator that was trained on descriptions: skill files (.md), or descriptions in the form of prompt files; several files produce several adapters',
      ).conflicts(['description', 'promptField', 'system']),
    )
    .addOption(
      new Option('--description <texts...>', 'as --descriptions: the task in a sentence or a few').conflicts([
        'promptField',
        'system',
      ]),
    )
    .requiredOption(
      '--out <folder>',
      'output folder of the adapter; with several files, the parent of one sub-folder per file',
    )
    .addOption(promptFieldOption())
    .addOption(promptSystemOption())
    .addOption(new Option('--seed <n>', 'random seed for prompt sampling').argParser(wholeNumber(0)).default(0))
    .option(
      '--all-prompts',
      'use every prompt, if there are more than the generator takes: the adapters of groups of them are averaged',
    )
    .addOption(
      new Option('--dtype <name>', 'dtype of the saved tensors; q8_0 and q4_0 for gguf only')
        .choices(SAVED_DTYPES)
        .default('bf16'),
    )
    .addOption(
      new Option(
        '--format <name>',
        'peft: PEFT folder; gguf: adapter.gguf in the folder, for llama.cpp; mlx: folder for mlx-lm; all: PEFT folder with the others in it',
      )
        .choices(ADAPTER_FORMATS)
        .default('peft'),
    )
    .option('--encoder <folder>', 'text encoder folder, if the generator folder does not contain it')
    .addOption(
      new Option(
        '--memory-limit <bytes>',
        'memory limit of the decoder beside mapped weights, e.g. 8GB; device memory on a CUDA device; a lower limit is slower',
      ).argParser(byteCount),
    )
    .addOption(forceOption('adapter'))
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Options) => generate(options, io));
}

async function generate({ json, ...options }: Options, io: Io): Promise<void> {
  checkPath(options.generator, '--generator');
  checkSaving(options.format, options.dtype);
  const { texts, names, folders, sets } = await sourcesOf(options, io);
  const { onProgress, stop } = showProgress(io, json);
  const saved: Saved[] = [];
  const { force, seed, allPrompts, dtype, format, generator: source } = options;
  const { encoder, threads, memoryLimit, device, precision } = options;
  const { signal } = io;
  try {
    // The folders are created before the work, so that an unwritable one fails early.
    await writeFoldersTogether(folders, { force, signal, marker: ADAPTER_MARKERS }, async (stagings) => {
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
        checkSaving(format, dtype, generator.manifest.base);
        requireTexts(generator.manifest, texts, source);
        for await (const { adapter } of generator.generateMany(sets, { seed, allPrompts, signal, onProgress })) {
          const began = performance.now();
          await adapter.save(stagings[saved.length]!, { dtype, format, signal });
          const place = saved.length;
          saved.push({
            prompts: names[place]!,
            adapter: folders[place]!,
            dtype,
            format,
            writeSeconds: (performance.now() - began) / 1000,
            report: adapter.report,
          });
        }
      } finally {
        generator.dispose();
      }
    });
  } finally {
    stop();
  }
  print(io, json, saved, () => saved.flatMap((one, index) => [...(index > 0 ? [''] : []), ...summary(one, texts)]));
}

/** @throws DndError INVALID_ARGUMENT without any; as `adapterFolders`, `readPromptSet` and `readDescriptions` */
async function sourcesOf(
  { prompts, descriptions, description, out, promptField, system }: Options,
  { stdin, signal }: Io,
): Promise<Sources> {
  if (description)
    return {
      texts: 'descriptions',
      names: ['--description'],
      folders: [checkPath(out, '--out')],
      sets: [['description', description]],
    };
  const [texts, names] = descriptions ? (['descriptions', descriptions] as const) : (['prompts', prompts] as const);
  if (!names)
    throw new DndError(
      'INVALID_ARGUMENT',
      'there is nothing to generate from; expected --prompts, or for a generator that was trained on descriptions --descriptions or --description',
    );
  const folders = adapterFolders(names, out);
  const sets: [string, string[]][] = [];
  for (const [place, file] of names.entries())
    sets.push([
      String(place),
      descriptions
        ? await readDescriptions(file, stdin, signal)
        : await readPromptSet(file, stdin, signal, { promptField, system }),
    ]);
  return { texts, names, folders, sets };
}

function summary({ prompts, adapter, dtype, writeSeconds, report }: Saved, texts: ConditionTexts): string[] {
  const { load, encode, decode, restore } = report.seconds;
  const { peakBytes, privateBytes } = report.memory;
  const together = report.batch > 1 ? `, ${report.batch} prompt sets together` : '';
  const { tensors, parameters, norm, rank, alpha, useRslora } = report.adapter;
  return list([
    ['adapter', adapter],
    [
      '',
      `${counted(tensors, 'tensor')}, ${grouped(parameters)} parameters in ${dtype}, rank ${rank}, alpha ${alpha}${useRslora ? ', rsLoRA' : ''}, norm ${shortNumber(norm)}`,
    ],
    [texts, `${prompts}: ${textSummary(report, texts)}`],
    [
      'time',
      `load ${load.toFixed(2)} s, encode ${encode.toFixed(2)} s, decode ${decode.toFixed(2)} s, reconstruct ${restore.toFixed(2)} s, write ${writeSeconds.toFixed(2)} s${together}`,
    ],
    [
      'memory',
      `peak ${formatBytes(peakBytes)}, mapped files included${privateBytes === null ? '' : `; private ${formatBytes(privateBytes)}`}`,
    ],
    ['device', deviceSummary(report)],
    ...(report.generator.notice ? [['note', report.generator.notice] as const] : []),
  ]);
}

function deviceSummary({ device: { name, kind, precision, fallback } }: GenerationReport): string {
  const how = kind === 'cuda' ? `, ${precision}` : '';
  return name + how + (fallback === null ? '' : `; CUDA not used: ${fallback}`);
}

function textSummary({ prompts, seed }: GenerationReport, texts: ConditionTexts): string {
  const { given, wanted, used, groups, dropped, repeated, truncated, tokens } = prompts;
  const chosen = groups > 1 || dropped > 0 || repeated > 0 ? ` (seed ${seed})` : '';
  const parts = [
    `${counted(given, texts.slice(0, -1))} for a generator that takes ${wanted}: ${used} used${chosen}`,
    ...(groups > 1 ? [`mean of ${groups} groups`] : []),
    ...(dropped ? [`${dropped} dropped`] : []),
    ...(repeated ? [`${counted(repeated, 'draw')} repeated`] : []),
    ...(truncated.length ? [`${truncated.length} truncated`] : []),
    counted(tokens, 'token'),
  ];
  return parts.join(', ');
}
