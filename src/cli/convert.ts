import { type Command, Option } from 'commander';
import { GGUF_DTYPES, type GgufDtypeName } from '../adapter/gguf/index.js';
import {
  ADAPTER_FORMAT_NAMES,
  type AdapterFormatName,
  type Conversion,
  convert,
  type Facts,
} from '../conversion/index.js';
import { type Io, print } from './io.js';
import { forceOption, jsonOption } from './options.js';
import { grouped, list } from './table.js';

interface Options {
  base?: string;
  format?: AdapterFormatName;
  dtype: GgufDtypeName;
  force?: boolean;
  json?: boolean;
}

export function addConvert(program: Command, io: Io): void {
  program
    .command('convert')
    .description('Convert a LoRA adapter between PEFT folders, GGUF files and MLX folders.')
    .argument('<input>', 'PEFT or MLX adapter folder, or GGUF adapter')
    .argument('<output>', 'file or folder to write')
    .option(
      '--base <path>',
      'base model: config.json, its folder, or its GGUF file; needed for GGUF adapters of Llama and Mistral, and to write GGUF',
    )
    .addOption(
      new Option(
        '--format <name>',
        'format of the output (default: gguf if its name ends in .gguf, else peft)',
      ).choices(ADAPTER_FORMAT_NAMES),
    )
    .addOption(
      new Option('--dtype <name>', 'dtype of the written tensors; q8_0 and q4_0 for GGUF only')
        .choices(Object.keys(GGUF_DTYPES))
        .default('f32'),
    )
    .addOption(forceOption('output'))
    .addOption(jsonOption())
    .action(async (input: string, output: string, { json, ...options }: Options) => {
      const conversion = await convert(input, output, { ...options, signal: io.signal });
      print(io, json, conversion, () => summary(conversion));
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
