import type { AdapterComparison, ModuleComparison } from '../comparison/comparison.js';
import { commonPath } from '../comparison/grid.js';
import { shortNumber, table } from './table.js';

/** So that no line of a table is longer than 100 characters. */
const LONGEST_FOLDER = 44;
const LONGEST_MODULE = 28;

/** The text output of `dnd compare`. */
export function comparisonLines(
  comparison: AdapterComparison,
  { summary, page }: { summary?: boolean | undefined; page?: string | undefined },
): string[] {
  const { notes, modules } = comparison;
  return [
    ...adapterTable(comparison),
    '',
    ...pairTable(comparison),
    ...(summary ? [] : ['', ...moduleTable(modules, comparison.pairs.length > 1)]),
    '',
    'Relative distance of ΔW: 0 equal, 1 orthogonal, 1.414 opposite. eff.: effective rank.',
    ...notes.map((note) => `Note: ${note}.`),
    ...(page === undefined ? [] : [page]),
  ];
}

function adapterTable({ adapters }: AdapterComparison): string[] {
  return table(
    ['', 'adapter', 'rank', 'alpha', 'modules', 'norm', 'effective rank'],
    adapters.map(({ name, rank, alpha, useRslora, modules, norm, effectiveRank }, i) => [
      i + 1,
      shortened(name, LONGEST_FOLDER),
      rank,
      `${alpha}${useRslora ? ', rsLoRA' : ''}`,
      modules,
      shortNumber(norm),
      `${shortNumber(effectiveRank)} on average`,
    ]),
  );
}

function pairTable({ pairs }: AdapterComparison): string[] {
  return table(
    ['pair', 'cosine', 'distance', 'relative'],
    pairs.map(({ first, second, cosine, distance, relativeDistance }) => [
      `${first + 1} and ${second + 1}`,
      shareCell(cosine),
      sizeCell(distance),
      shareCell(relativeDistance),
    ]),
  );
}

function moduleTable(modules: readonly ModuleComparison[], severalPairs: boolean): string[] {
  const path = commonPath(modules.map(({ module }) => module));
  const rows = modules.flatMap(({ module, adapters, pairs }) =>
    pairs.flatMap(({ first, second, cosine, distance, relativeDistance }) => {
      const own = [adapters[first]!, adapters[second]!];
      if (own.every(({ rank }) => rank === null)) return [];
      const of = (quantity: 'norm' | 'effectiveRank') =>
        own.map((update) => sizeCell(update.rank === null ? null : update[quantity]));
      return [
        [
          shortened(module.slice(path.length), LONGEST_MODULE),
          ...(severalPairs ? [`${first + 1}, ${second + 1}`] : []),
          ...of('norm'),
          shareCell(cosine),
          sizeCell(distance),
          shareCell(relativeDistance),
          ...of('effectiveRank'),
        ],
      ];
    }),
  );
  const header = [
    path === '' ? 'module' : `in ${shortened(path.slice(0, -1), LONGEST_MODULE - 3)}`,
    ...(severalPairs ? ['pair'] : []),
    'norm 1',
    'norm 2',
    'cosine',
    'distance',
    'relative',
    'eff. 1',
    'eff. 2',
  ];
  return table(header, rows);
}

/** Three digits; numbers, which `table` aligns to the right, where they are short. */
function sizeCell(value: number | null): number | string {
  if (value === null) return '-';
  const rounded = Number(value.toPrecision(3));
  return rounded === 0 || (rounded >= 1e-3 && rounded < 1e6) ? rounded : rounded.toExponential();
}

/** Four decimals, of cosines and relative distances. */
function shareCell(value: number | null): number | string {
  return value === null ? '-' : Number(value.toFixed(4));
}

/** The end of a long name, which says more than its beginning. */
function shortened(name: string, longest: number): string {
  return name.length > longest ? `…${name.slice(1 - longest)}` : name;
}
