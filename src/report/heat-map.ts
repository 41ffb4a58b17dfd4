import { escapeHtml } from './html.js';
import { short } from './text.js';

/** A table whose cells are coloured by value. */
export interface HeatMap {
  title: string;
  quantity: Quantity;
  /** Heading of the rows: `layer`, `task`. */
  of: string;
  rows: readonly string[];
  columns: readonly string[];
  /** The value of full strength, for quantities from 0 without a natural end. */
  largest?: number;
  /** NaN: no measurement. */
  valueAt(row: number, column: number): number;
}

export type Quantity = 'normRatio' | 'cosine' | 'relativeDistance' | 'norm' | 'effectiveRank';

const NAMES: Record<Quantity, string> = {
  normRatio: 'norm ratio',
  cosine: 'cosine',
  relativeDistance: 'relative distance',
  norm: 'norm',
  effectiveRank: 'effective rank',
};
/** From the left to the right of the legend; quantities that start at 0 have two, and one colour. */
const LEGENDS: Record<Quantity, (largest: number) => readonly string[]> = {
  normRatio: () => ['¼, too small', '1, like the true weights', '4, too large'],
  cosine: () => ['−1, opposite', '0, unrelated', '1, the same direction'],
  relativeDistance: () => ['0, equal', '√2, opposite'],
  norm: (largest) => ['0', short(largest)],
  effectiveRank: (largest) => ['0', short(largest)],
};
/** From this strength on, light text is more readable on a light page, and dark text on a dark one. */
const DEEP = 0.55;

/**
 * An HTML table, which can be read aloud, copied and zoomed, and shows its values without a script. pages/training.css
 * derives the colours from the class (sign) and the strength, for light and dark pages.
 */
export function heatMapHtml(map: HeatMap): string {
  const { title, quantity, of, rows, columns } = map;
  const heading = `<tr><th scope="col">${escapeHtml(of)}</th>${columns
    .map((column) => `<th scope="col">${escapeHtml(column.replace(/_proj$/, ''))}</th>`)
    .join('')}</tr>`;
  const body = rows.map((row, i) => {
    const cells = columns.map((column, j) => cellHtml(map.valueAt(i, j), map, `${of} ${row}, ${column}`));
    return `<tr><th scope="row">${escapeHtml(row)}</th>${cells.join('')}</tr>`;
  });
  return `<figure class="heat">
<figcaption>${escapeHtml(title)}</figcaption>
<div class="table"><table class="${quantity}"><thead>${heading}</thead>
<tbody>
${body.join('\n')}
</tbody></table></div>
${legendHtml(map)}
</figure>`;
}

function cellHtml(value: number, { quantity, largest }: HeatMap, where: string): string {
  if (!Number.isFinite(value)) return `<td title="${escapeHtml(where)}: not measured">–</td>`;
  const { side, strength } = shadeOf(value, quantity, largest);
  const deep = strength > DEEP ? ' deep' : '';
  const title = escapeHtml(`${where}: ${NAMES[quantity]} ${short(value)}`);
  const shown = quantity === 'norm' ? short(value) : value.toFixed(2);
  return `<td class="${side}${deep}" style="--strength:${strength.toFixed(2)}" title="${title}">${shown}</td>`;
}

/**
 * Norm ratios by their logarithm: a half and a double are equally wrong. Full strength at a quarter and at four.
 * @param largest of full strength, for quantities from 0
 */
export function shadeOf(value: number, quantity: Quantity, largest = 1): { side: 'low' | 'high'; strength: number } {
  const deviation =
    quantity === 'normRatio'
      ? Math.log2(Math.max(value, 0)) / 2
      : quantity === 'cosine'
        ? value
        : value / (quantity === 'relativeDistance' ? Math.SQRT2 : largest || 1);
  return { side: deviation < 0 ? 'low' : 'high', strength: Math.min(1, Math.abs(deviation)) };
}

function legendHtml({ quantity, largest = 1 }: HeatMap): string {
  const labels = LEGENDS[quantity](largest).map((label) => `<span>${escapeHtml(label)}</span>`);
  const ramp = labels.length === 2 ? 'ramp from-zero' : 'ramp';
  return `<div class="legend ${quantity}"><div class="${ramp}" aria-hidden="true"></div><div class="labels">${labels.join('')}</div></div>`;
}
