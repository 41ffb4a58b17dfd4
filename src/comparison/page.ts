import { PACKAGE } from '../package.js';
import { type HeatMap, heatMapHtml } from '../report/heat-map.js';
import { dataScript, escapeHtml, htmlDocument, pageFile } from '../report/html.js';
import { short } from '../report/text.js';
import type { AdapterComparison, PairComparison } from './comparison.js';
import { moduleGrid } from './grid.js';

/** The page of a comparison: one file that opens without a network and needs no scripts. */
export function comparisonPage(comparison: AdapterComparison): string {
  const { adapters, notes } = comparison;
  const title = `Comparison of ${adapters.length} adapters`;
  const body = [
    `<header><h1>${title}</h1>`,
    `<p class="about">What they change in each module, ΔW = scale · B · A, by dnd-lora ${escapeHtml(PACKAGE.version)}</p></header>`,
    ...notes.map((note) => `<p class="note">Note: ${escapeHtml(note)}.</p>`),
    `<section><h2>Adapters</h2>${adapterTable(comparison)}</section>`,
    `<section><h2>Pairs</h2>
<p class="hint">Relative distance: 0 equal, 1 orthogonal, √2 opposite. Cosine: the direction alone.</p>${pairTable(comparison)}</section>`,
    ...comparison.pairs.map((pair, place) => pairSection(comparison, pair, place)),
    `<section><h2>Each adapter</h2>
<p class="hint">Norm: how much a module is changed. Effective rank: in how many directions.</p>
${adapters.map((_, index) => adapterMaps(comparison, index)).join('\n')}</section>`,
    dataScript(comparison),
  ];
  return htmlDocument({
    title,
    body: `<main>\n${body.join('\n')}\n</main>`,
    styles: [pageFile('training.css'), pageFile('comparison.css')],
    scripts: [],
  });
}

function figures(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headings.map((heading) => `<th scope="col">${escapeHtml(heading)}</th>`).join('');
  const lines = rows.map(([first, ...others]) => {
    const cells = others.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('');
    return `<tr><th scope="row">${escapeHtml(first)}</th>${cells}</tr>`;
  });
  return `<div class="table"><table class="figures adapters"><thead><tr>${head}</tr></thead><tbody>${lines.join('\n')}</tbody></table></div>`;
}

function adapterTable({ adapters }: AdapterComparison): string {
  return figures(
    ['adapter', 'base model', 'rank', 'alpha', 'modules', 'norm', 'effective rank, mean'],
    adapters.map(({ name, baseModelName, rank, alpha, useRslora, modules, norm, effectiveRank }, i) => [
      `${i + 1}  ${name}`,
      baseModelName ?? '–',
      String(rank),
      `${alpha}${useRslora ? ', rsLoRA' : ''}`,
      String(modules),
      short(norm),
      short(effectiveRank),
    ]),
  );
}

function pairTable({ adapters, pairs }: AdapterComparison): string {
  return figures(
    ['pair', 'cosine', 'distance', 'relative distance'],
    pairs.map((pair) => [
      `${nameOf(adapters, pair.first)} and ${nameOf(adapters, pair.second)}`,
      shortOrNone(pair.cosine),
      short(pair.distance),
      shortOrNone(pair.relativeDistance),
    ]),
  );
}

function nameOf(adapters: AdapterComparison['adapters'], index: number): string {
  return `${index + 1}  ${adapters[index]!.name}`;
}

function shortOrNone(value: number | null): string {
  return short(value ?? Number.NaN);
}

function pairSection(
  { adapters, modules }: AdapterComparison,
  { first, second }: PairComparison,
  place: number,
): string {
  const read = (quantity: 'cosine' | 'relativeDistance') => (index: number) =>
    modules[index]!.pairs[place]![quantity] ?? Number.NaN;
  const maps = [
    mapOf(modules, 'Relative distance', 'relativeDistance', read('relativeDistance')),
    mapOf(modules, 'Cosine', 'cosine', read('cosine')),
  ];
  const heading = adapters.length === 2 ? 'By module' : `${nameOf(adapters, first)} and ${nameOf(adapters, second)}`;
  return `<section><h2>${escapeHtml(heading)}</h2><div class="heats">${maps.map(heatMapHtml).join('\n')}</div></section>`;
}

/** On one scale for all adapters, so that colours can be compared. */
function adapterMaps({ adapters, modules }: AdapterComparison, index: number): string {
  const read = (quantity: 'norm' | 'effectiveRank', place: number, module: number) => {
    const update = modules[module]!.adapters[place]!;
    return update.rank === null ? Number.NaN : update[quantity];
  };
  const maps = (['norm', 'effectiveRank'] as const).map((quantity) => {
    const all = modules.flatMap((each) => each.adapters.map((update) => update[quantity]));
    const title = quantity === 'norm' ? 'Norm' : 'Effective rank';
    const largest = all.reduce((most, value) => Math.max(most, value), 0);
    return mapOf(modules, title, quantity, (module) => read(quantity, index, module), largest);
  });
  return `<h3>${escapeHtml(nameOf(adapters, index))}</h3><div class="heats">${maps.map(heatMapHtml).join('\n')}</div>`;
}

function mapOf(
  modules: AdapterComparison['modules'],
  title: string,
  quantity: HeatMap['quantity'],
  read: (module: number) => number,
  largest?: number,
): HeatMap {
  const { rows, columns, at } = moduleGrid(modules.map(({ module }) => module));
  const valueAt = (row: number, column: number) => {
    const module = at(row, column);
    return module === undefined ? Number.NaN : read(module);
  };
  return { title, quantity, of: 'layer', rows, columns, valueAt, ...(largest === undefined ? {} : { largest }) };
}
