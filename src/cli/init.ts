import { type Command, Option } from 'commander';
import { FLOAT_DTYPES, type FloatDtypeName, NORMALISATIONS } from '../adapter/index.js';
import { formatBytes } from '../engine/index.js';
import type { GeneratorSettings } from '../generator/create.js';
import { type Feature, parameterCount, tokenShape } from '../generator/decoder-shape.js';
import { described } from '../generator/encoder-folder.js';
import { type GeneratorManifest, PADDINGS, POOLINGS } from '../generator/manifest.js';
import { writeNewGenerator } from '../generator/new-generator.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../generator/presets.js';
import { UNTRAINED } from '../generator/untrained-notice.js';
import { type Io, print } from './io.js';
import {
  commaSeparated,
  forceOption,
  json,
  jsonOption,
  positiveNumber,
  threadsOption,
  wholeNumber,
} from './options.js';
import { showProgress } from './progress.js';
import { grouped, list } from './table.js';

interface Options extends Omit<GeneratorSettings, 'features' | 'useRslora'> {
  base: string;
  encoder: string;
  encoderLayer?: number;
  features?: readonly Feature[];
  rslora?: boolean;
  dtype: FloatDtypeName;
  out: string;
  threads?: number;
  device: string;
  force?: boolean;
  json?: boolean;
}

export function addInit(program: Command, io: Io): void {
  program
    .command('init')
    .description('Create an untrained generator for a base model.')
    .requiredOption('--base <path>', 'base model: config.json, its folder, or a GGUF file')
    .requiredOption('--encoder <folder>', "text encoder folder, or 'hash' for the built-in encoder")
    .addOption(
      new Option(
        '--encoder-layer <n>',
        'layer of a decoder-only text encoder whose hidden states are taken (default: the last)',
      ).argParser(wholeNumber(1)),
    )
    .requiredOption('--out <folder>', 'output folder of the generator')
    .addOption(
      new Option('--preset <name>', 'published configuration')
        .choices(PRESET_NAMES)
        .conflicts(['features', 'kernelSize']),
    )
    .addOption(
      new Option(
        '--features <json>',
        'decoder shapes as JSON: [tokens, height, width] from the condition to the weight tokens',
      ).argParser(json),
    )
    .addOption(new Option('--kernel-size <n>', 'kernel size of the convolutions (odd)').argParser(wholeNumber(1)))
    .addOption(
      new Option(
        '--max-length <n>',
        'maximum tokens per prompt; more than features[0][1] adds a length projection',
      ).argParser(wholeNumber(1)),
    )
    .addOption(new Option('--rank <n>', "LoRA rank (default: the preset's, else 8)").argParser(wholeNumber(1)))
    .addOption(
      new Option('--alpha <number>', "LoRA alpha (default: the preset's, else 2·rank)").argParser(positiveNumber),
    )
    .option('--rslora', 'scale adapters by alpha/√rank instead of alpha/rank')
    .addOption(
      new Option('--modules <names>', 'comma-separated modules to adapt (default: all seven)').argParser(
        commaSeparated,
      ),
    )
    .addOption(
      new Option(
        '--chunk <n>',
        "columns per weight token (default: the preset's, else derived from the base model)",
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option(
        '--normalisation <how>',
        'weight tokens: chunk, as published; residual needs checkpoints, see dnd train (default: chunk)',
      ).choices(NORMALISATIONS),
    )
    .addOption(
      new Option(
        '--padding <how>',
        'hidden states of padding positions: encoded as published, or zero (default: encode)',
      ).choices(PADDINGS),
    )
    .addOption(
      new Option(
        '--pooling <how>',
        'hidden states per prompt: none keeps one per token, mean or cls pools them to one (default: none)',
      ).choices(POOLINGS),
    )
    .addOption(new Option('--seed <n>', 'random seed of the initial parameters').argParser(wholeNumber(0)).default(0))
    .addOption(
      new Option('--dtype <name>', "dtype of the decoder's parameters")
        .choices(Object.keys(FLOAT_DTYPES))
        .default('f32'),
    )
    .addOption(forceOption('generator'))
    .addOption(
      new Option('--device <name>', 'compute device; init always computes on the CPU').choices(['auto', 'cpu']),
    )
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Options) => init(options, io));
}

async function init({ out, force, json, rslora, device: _, ...settings }: Options, io: Io): Promise<void> {
  const { signal } = io;
  const { onProgress, stop } = showProgress(io, json);
  const options = { ...settings, useRslora: rslora, force, signal, onProgress };
  const manifest = await writeNewGenerator(out, options).finally(stop);
  const parameters = parameterCount(manifest.decoder);
  print(io, json, { generator: out, parameters, notice: UNTRAINED, manifest }, () =>
    summary(out, parameters, manifest),
  );
}

function summary(
  out: string,
  parameters: number,
  { base, encoder, decoder, adapter, preset }: GeneratorManifest,
): string[] {
  const published = preset ? PRESETS[preset as PresetName].encoder : undefined;
  const other = published && published !== encoder.name ? ` (the published generators use ${published})` : '';
  const tokens = tokenShape(decoder);
  return list([
    ['generator', out],
    ['base model', `${base.name ?? 'unnamed'} (${base.modelType}, ${base.layers} layers)`],
    ['encoder', described(encoder) + other],
    ['decoder', `${grouped(parameters)} parameters, ${formatBytes(4 * parameters)}`],
    [
      'adapter',
      `rank ${adapter.rank}, alpha ${adapter.alpha}, ${adapter.modules.join(', ')}: ${tokens[0]} weight tokens of ${tokens[1]}×${tokens[2]}`,
    ],
    ['note', UNTRAINED],
  ]);
}
