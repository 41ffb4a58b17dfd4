import { type Command, Option } from 'commander';
import { GGUF_DTYPES, type GgufDtypeName } from '../adapter/gguf/index.js';
import {
  ADAPTER_FORMAT_NAMES,
  type AdapterFormatName,
  type Conversion,
  convert,
  type Facts,
  type GeneratorOptions,
} from '../conversion/index.js';
import { PRESET_NAMES } from '../generator/presets.js';
import { type Io, print } from './io.js';
import { forceOption, jsonOption, positiveNumber, wholeNumber } from './options.js';
import { showProgress } from './progress.js';
import { grouped, list } from './table.js';

interface Options extends GeneratorOptions {
  base?: string;
  format?: AdapterFormatName;
  dtype?: GgufDtypeName;
  force?: boolean;
  json?: boolean;
}

export function addConvert(program: Command, io: Io): void {
  program
    .command('convert')
    .description(
      'Convert LoRA adapters between PEFT, GGUF and MLX, a published checkpoint into a generator, or its dtype.',
    )
    .argument(
      '<input>',
      'PEFT or MLX adapter folder, GGUF adapter, generator folder, or checkpoint or token importance of the published code (.pth, .pt)',
    )
    .argument(
      '<output>',
      'file or folder to write; of a checkpoint: generator folder, or its token importance if the name ends in .safetensors',
    )
    .option(
      '--base <path>',
      'base model: config.json, its folder, or its GGUF file; needed for GGUF adapters of Llama and Mistral, to write GGUF, and for generators',
    )
    .addOption(
      new Option(
        '--format <name>',
        'format of the output (default: gguf if its name ends in .gguf, else peft)',
      ).choices(ADAPTER_FORMAT_NAMES),
    )
    .addOption(
      new Option('--dtype <name>', 'dtype of the written tensors; q8_0 and q4_0 for GGUF only (default: f32)').choices(
        Object.keys(GGUF_DTYPES),
      ),
    )
    .addOption(new Option('--preset <name>', 'published configuration of a checkpoint').choices(PRESET_NAMES))
    .option(
      '--encoder <folder>',
      "text encoder that a checkpoint was trained with: its folder, or 'hash'; of a generator that does not contain it",
    )
    .addOption(
      new Option('--rank <n>', "LoRA rank of a checkpoint (default: the preset's, else 8)").argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--alpha <number>', "LoRA alpha of a checkpoint (default: the preset's, else 2·rank)").argParser(
        positiveNumber,
      ),
    )
    .addOption(
      new Option(
        '--chunk <n>',
        "columns per weight token of a checkpoint (default: the preset's, else derived from the base model)",
      ).argParser(wholeNumber(1)),
    )
    .addOption(forceOption('output'))
    .addOption(jsonOption())
    .action(async (input: string, output: string, { json, ...options }: Options) => {
      const { onProgress, stop } = showProgress(io, json);
      try {
        const conversion = await convert(input, output, {
          ...options,
          signal: io.signal,
          onProgress: (fraction) => onProgress?.(fraction, 'convert'),
        });
        print(io, json, conversion, () => summary(conversion));
      } finally {
        stop();
      }
    });
}

function summary({ input, output, from, to, facts, notes }: Conversion): string[] {
  return list([
    ['input', `${input} (${from})`],
    ['output', `${output} (${to})`],
    ...Object.entries(facts).map(([name, value]) => [words(name), shown(value)] as const),
    ...notes.map((note) => ['note', note] as const),
  ]);
}

/** `tensorTypes` → `tensor types` */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
}

function shown(value: Facts[string]): string {
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  return Number.isInteger(value) ? grouped(value as number) : String(value);
}
