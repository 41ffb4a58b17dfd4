import type { Command } from 'commander';
import { formatBytes } from '../engine/index.js';
import { type MergeReport, mergeAdapter } from '../merging/merge.js';
import { type Io, print } from './io.js';
import { forceOption, jsonOption } from './options.js';
import { showProgress } from './progress.js';
import { counted, grouped, list } from './table.js';

interface Options {
  base: string;
  out: string;
  force?: boolean;
  json?: boolean;
}

export function addMerge(program: Command, io: Io): void {
  program
    .command('merge')
    .description('Merge a LoRA adapter into its base model.')
    .argument('<adapter>', 'PEFT adapter folder')
    .requiredOption('--base <folder>', 'base model folder with config.json and safetensors weights')
    .requiredOption('--out <folder>', 'output folder of the merged model')
    .addOption(forceOption('model folder'))
    .addOption(jsonOption())
    .action(async (adapter: string, { base, out, force, json }: Options) => {
      const { onProgress, stop } = showProgress(io, json);
      const progress = (fraction: number) => onProgress(fraction, 'merge');
      const report = await mergeAdapter(adapter, { base, out, force, signal: io.signal, onProgress: progress }).finally(
        stop,
      );
      print(io, json, { adapter, ...report }, () => lines(adapter, report));
    });
}

function lines(
  adapter: string,
  { base, out, merged, tensors, bytes, weights, copied, skipped, notes }: MergeReport,
): string[] {
  return list([
    ['model', out],
    ['', `${base} with ${adapter} merged into ${grouped(merged)} of ${counted(tensors, 'tensor')}`],
    ['weights', `${counted(weights.length, 'file')}, ${formatBytes(bytes)}`],
    ['copied', copied.join(', ') || 'no other files'],
    ...(skipped.length > 0 ? [['not copied', skipped.join(', ')] as const] : []),
    ...notes.map((note) => ['note', note] as const),
  ]);
}
