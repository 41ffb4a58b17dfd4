/** Modules as a table: a row for each layer, a column for each projection. */
export interface ModuleGrid {
  rows: string[];
  columns: string[];
  /** Index of the module in the list; undefined where there is none. */
  at(row: number, column: number): number | undefined;
}

/** @param modules their names; every one gets a cell of its own */
export function moduleGrid(modules: readonly string[]): ModuleGrid {
  const places = modules.map(placeOf);
  const paths = new Set(places.map(({ path }) => path));
  // One path, such as model.layers, goes without saying; of several, each row names its own.
  const rowOf = ({ path, layer }: Place) => (paths.size === 1 ? layer : `${path}.${layer}`);
  const lastOnes = new Set(places.map(({ inLayer }) => inLayer)).size === new Set(places.map(lastPart)).size;
  const columnOf = (place: Place) => (lastOnes ? lastPart(place) : place.inLayer);
  const rows = [...new Set(places.map(rowOf))];
  const columns = [...new Set(places.map(columnOf))];
  const cells = new Map(places.map((place, index) => [`${rowOf(place)} ${columnOf(place)}`, index]));
  return { rows, columns, at: (row, column) => cells.get(`${rows[row]} ${columns[column]}`) };
}

interface Place {
  path: string;
  layer: string;
  inLayer: string;
}

/** Cut at the first number, which is the layer's in every family; a module without one has a row of its own. */
function placeOf(module: string): Place {
  const match = /^(.*?)\.(\d+)\.(.+)$/.exec(module);
  return match
    ? { path: match[1]!, layer: match[2]!, inLayer: match[3]! }
    : { path: module, layer: '–', inLayer: module };
}

function lastPart({ inLayer }: Place): string {
  return inLayer.split('.').at(-1)!;
}

/** The path that all module names begin with, up to a dot; empty for a single module. */
export function commonPath(modules: readonly string[]): string {
  const [first = '', ...others] = modules.map((module) => module.split('.'));
  if (others.length === 0) return '';
  const parts = [...first].findIndex((part, i) => others.some((other) => other[i] !== part));
  return parts <= 0 ? '' : `${[...first].slice(0, parts).join('.')}.`;
}
