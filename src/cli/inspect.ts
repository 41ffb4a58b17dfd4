import type { Command } from 'commander';
import { formatBytes } from '../engine/index.js';
import { describedCondition } from '../generator/condition-text.js';
import { described } from '../generator/encoder-folder.js';
import type { TrainingProvenance } from '../generator/manifest.js';
import { describedNormalisation } from '../generator/normalisation-text.js';
import type { GgufInspection, GgufMetadataSummary, GgufTensorSummary } from '../inspect/gguf.js';
import { type AdapterInspection, type GeneratorInspection, type Inspection, inspect } from '../inspect/inspect.js';
import type { TensorSummary } from '../inspect/tensors.js';
import { quote, quoteValue } from '../validation/index.js';
import { type Io, print } from './io.js';
import { jsonOption } from './options.js';
import { counted, grouped, list, shortNumber, table } from './table.js';

interface Options {
  statistics?: boolean;
  json?: boolean;
}

export function addInspect(program: Command, io: Io): void {
  program
    .command('inspect')
    .description('Show the contents of a generator, an adapter, a GGUF or safetensors file, or a PyTorch archive.')
    .argument(
      '<path>',
      'generator (folder, or npm package that is installed), PEFT adapter folder, GGUF file, safetensors file, index or folder, PyTorch archive',
    )
    .option('--statistics', 'compute statistics of every tensor (always for adapters)')
    .addOption(jsonOption())
    .action(async (path: string, { statistics, json }: Options) => {
      const inspection = await inspect(path, { statistics, signal: io.signal });
      print(io, json, inspection, () => [...heading(inspection), '', ...tensorTable(inspection.tensors)]);
    });
}

function heading(inspection: Inspection): string[] {
  if (inspection.type === 'generator') return generatorHeading(inspection);
  if (inspection.type === 'adapter') return adapterHeading(inspection);
  if (inspection.type === 'gguf') return ggufHeading(inspection);
  if (inspection.type === 'pytorch') return list([['PyTorch archive', inspection.path]]);
  const entries = Object.entries(inspection.metadata).map(([key, value]) => [key, shortened(value)] as const);
  return list([['safetensors', inspection.path], ...entries]);
}

function ggufHeading({ path, version, metadata }: GgufInspection): string[] {
  const entries = Object.entries(metadata).map(
    ([key, value]) => [/^[\w.-]{1,100}$/.test(key) ? key : quote(shortened(key)), metadataText(value)] as const,
  );
  return list([['gguf', `${path}, version ${version}`], ...entries]);
}

function metadataText(value: GgufMetadataSummary): string {
  if (typeof value === 'string') return quote(shortened(value));
  if (typeof value !== 'object') return String(value);
  const more = value.count > value.first.length ? ', …' : '';
  return `${counted(value.count, value.of)}: ${value.first.map((item) => quoteValue(item)).join(', ')}${more}`;
}

function generatorHeading({
  path,
  manifest,
  notice,
  parameters,
  weightTokens,
  adapterTensors,
}: GeneratorInspection): string[] {
  const { base, encoder, decoder, adapter, training } = manifest;
  const projection = decoder.projectedFrom ? `, length projection from ${decoder.projectedFrom}` : '';
  return list([
    ['generator', path],
    [
      'format',
      `${manifest.formatVersion}, written by ${manifest.createdBy}${manifest.preset ? `, preset ${manifest.preset}` : ''}`,
    ],
    ['base model', `${base.name ?? 'unnamed'} (${base.modelType}, ${base.layers} layers, hidden size ${base.hidden})`],
    ['encoder', described(encoder)],
    ['condition', describedCondition(manifest)],
    ['decoder', `${grouped(parameters)} parameters, kernel size ${decoder.kernelSize}${projection}`],
    ['features', decoder.features.map((feature) => `(${feature.join(', ')})`).join(' ')],
    [
      'weight tokens',
      `${weightTokens.count} of ${weightTokens.height}×${weightTokens.width}, chunk ${adapter.chunk}, ${describedNormalisation(adapter)}`,
    ],
    [
      'adapter',
      `${adapterTensors} tensors, rank ${adapter.rank}, alpha ${adapter.alpha}${adapter.useRslora ? ', rsLoRA' : ''}: ${adapter.modules.join(', ')}`,
    ],
    ['training', notice ?? provenance(training)],
    ['seed', String(training.seed)],
  ]);
}

function provenance({ steps, form, tasks = [], heldOutTasks = [] }: TrainingProvenance): string {
  if (steps === undefined) return 'trained';
  const heldOut = heldOutTasks.length > 0 ? `; held out: ${heldOutTasks.join(', ')}` : '';
  return `${counted(steps, 'step')} on ${tasks.join(', ')} (condition: ${form})${heldOut}`;
}

const CONFIG_KEYS = ['base_model_name_or_path', 'peft_type', 'r', 'lora_alpha', 'use_rslora', 'target_modules'];

function adapterHeading({ path, config, notices }: AdapterInspection): string[] {
  const fields = typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {};
  const known = CONFIG_KEYS.filter((key) => key in fields).map((key) => [key, JSON.stringify(fields[key])] as const);
  return [...list([['adapter', path], ...known]), ...notices.map((notice) => `notice  ${notice}`)];
}

function tensorTable(tensors: readonly (TensorSummary | GgufTensorSummary)[]): string[] {
  const withStatistics = tensors.some(({ statistics }) => statistics);
  const header = [
    'tensor',
    'dtype',
    'shape',
    'size',
    ...(withStatistics ? ['mean', 'std', 'min', 'max', 'NaN', 'infinite'] : []),
  ];
  const rows = tensors.map(({ name, dtype, shape, bytes, statistics: of }) => [
    name,
    dtype,
    `[${shape.join(', ')}]`,
    formatBytes(bytes),
    ...(of ? [...[of.mean, of.std, of.min, of.max].map(shortNumber), of.nan, of.infinite] : []),
  ]);
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  return [...table(header, rows), '', `${counted(tensors.length, 'tensor')}, ${formatBytes(bytes)}`];
}

const LONGEST_VALUE = 100;

function shortened(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
