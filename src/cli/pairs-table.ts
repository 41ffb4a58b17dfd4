import { formatBytes } from '../engine/index.js';
import type { PairsStatistics, Spread } from '../training/pairs/index.js';
import { describeProblem } from '../training/pairs/index.js';
import { counted, grouped, list, shortNumber, table } from './table.js';

/** Number of modules and layers listed by importance. */
const FOREMOST = 5;

/** The text output of `dnd pairs stats`. */
export function statisticsLines(statistics: PairsStatistics): string[] {
  return [
    ...heading(statistics),
    '',
    ...taskTable(statistics),
    '',
    ...weightLines(statistics),
    '',
    ...table(
      ['module', 'lora_A', 'lora_B'],
      statistics.shapes.map(({ module, a, b }) => [module, `[${a.join(', ')}]`, `[${b.join(', ')}]`]),
    ),
    ...importanceLines(statistics),
    ...remarks(statistics),
  ];
}

function heading({ folder, base, adapter, weightTokens, layers, digest }: PairsStatistics): string[] {
  const { count, height, width, chunk, normalisation } = weightTokens;
  return list([
    ['pairs', folder],
    ['base model', base ? `${base.name ?? 'unnamed'} (${base.modelType}, ${base.layers} layers)` : 'unknown'],
    [
      'adapter',
      `rank ${adapter.rank}, alpha ${adapter.alpha}${adapter.useRslora ? ', rsLoRA' : ''}, ${counted(layers, 'layer')}`,
    ],
    [
      'weight tokens',
      `${grouped(count)} of ${height}×${width}, chunk ${chunk}${normalisation === 'chunk' ? '' : `, normalisation ${normalisation}`}`,
    ],
    ['digest', digest],
  ]);
}

function taskTable({ tasks, lengthUnit, window, maxLength }: PairsStatistics): string[] {
  const cut = maxLength === null ? [] : [`over ${maxLength}`];
  const header = ['task', 'held out', 'prompts', 'repeated', 'responses', 'shortest', 'median', 'longest', ...cut];
  const rows = tasks.map((task) => [
    task.name,
    task.heldOut ? 'yes' : 'no',
    task.prompts,
    task.repeatedPrompts,
    task.responses,
    task.length.min,
    task.length.median,
    task.length.max,
    ...(task.cutPrompts === null ? [] : [task.cutPrompts]),
  ]);
  const bound = window === null ? '' : `; the encoder's window is ${window}`;
  return [...table(header, rows), `(lengths in ${lengthUnit}${bound})`];
}

function weightLines({ tasks }: PairsStatistics): string[] {
  if (tasks.every(({ checkpoints, skipped }) => checkpoints + skipped === 0))
    return ['No task has checkpoints: each goes on from the start adapter of pairs.json.'];
  const header = ['task', 'checkpoints', 'skipped', 'size', 'norm min', 'median', 'max', 'std min', 'median', 'max'];
  const spread = (of: Spread | null) => (of === null ? ['-', '-', '-'] : [of.min, of.median, of.max].map(shortNumber));
  const rows = tasks.map(({ name, checkpoints, skipped, bytes, norm, standardDeviation }) => [
    name,
    checkpoints,
    skipped,
    formatBytes(bytes),
    ...spread(norm),
    ...spread(standardDeviation),
  ]);
  return table(header, rows);
}

function importanceLines({ importance }: PairsStatistics): string[] {
  if (importance === null) return [];
  const { min, median, max, modules, layers } = importance;
  const foremost = (entries: readonly (readonly [string | number, number])[]) =>
    entries
      .slice(0, FOREMOST)
      .map(([name, value]) => `${name} ${shortNumber(value)}`)
      .join(', ');
  const lines = list([
    ['token importance', `min ${shortNumber(min)}, median ${shortNumber(median)}, max ${shortNumber(max)}`],
    ['foremost modules', foremost(modules.map(({ module, importance }) => [module, importance] as const))],
    ['foremost layers', foremost(layers.map(({ layer, importance }) => [layer, importance] as const))],
  ]);
  return ['', ...lines];
}

function remarks({ duplicates, skipped, warnings }: PairsStatistics): string[] {
  const nan = skipped.filter(({ code }) => code === 'INVALID_WEIGHTS').length;
  return [
    '',
    ...list([
      ['duplicates', counted(duplicates.length, 'group')],
      ['NaN or infinite', counted(nan, 'checkpoint')],
    ]),
    ...skipped.map((problem) => `skipped  ${describeProblem(problem)}`),
    ...warnings.map((warning) => `warning  ${warning}`),
  ];
}
