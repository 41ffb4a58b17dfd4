import { KNOWN_MODULES } from '../adapter/index.js';
import type { Evaluation } from '../training/metrics.js';
import type { HeatMap } from './heat-map.js';

/** Of an evaluation. */
type Quantity = 'normRatio' | 'cosine';

const TITLES: Record<Quantity, string> = { normRatio: 'Norm ratio', cosine: 'Cosine' };

/** Generated against true weights in an evaluation: by layer and module, and by task and module. */
export function heatMapsOf({ cells, tasks }: Evaluation): { layers: HeatMap[]; tasks: HeatMap[] } {
  const layers = [...new Set(cells.map(({ layer }) => layer))].sort((a, b) => a - b);
  const columns = inOrder(cells.map(({ module }) => module));
  const found = new Map(cells.map((cell) => [`${cell.layer} ${cell.module}`, cell]));
  const ofTasks = inOrder(tasks.flatMap(({ modules }) => Object.keys(modules)));
  const both = (make: (quantity: Quantity) => Omit<HeatMap, 'title' | 'quantity'>): HeatMap[] =>
    (['normRatio', 'cosine'] as const)
      .map((quantity) => ({ title: TITLES[quantity], quantity, ...make(quantity) }))
      .filter(({ rows, columns }) => rows.length > 0 && columns.length > 0);
  return {
    layers: both((quantity) => ({
      of: 'layer',
      rows: layers.map(String),
      columns,
      valueAt: (row, column) => found.get(`${layers[row]} ${columns[column]}`)?.[quantity] ?? Number.NaN,
    })),
    tasks: both((quantity) => ({
      of: 'task',
      rows: tasks.map(({ task }) => task),
      columns: ofTasks,
      valueAt: (row, column) => tasks[row]!.modules[ofTasks[column]!]?.[quantity] ?? Number.NaN,
    })),
  };
}

/** Distinct names: known ones in their order, then others. */
function inOrder(modules: readonly string[]): string[] {
  const names = new Set(modules);
  const known: readonly string[] = KNOWN_MODULES;
  return [...known.filter((name) => names.has(name)), ...[...names].filter((name) => !known.includes(name))];
}
