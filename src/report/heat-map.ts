import { escapeHtml } from './html.js';
import { short } from './judgement.js';

/** A table whose cells are coloured by value. */
export interface HeatMap {
  title: string;
  quantity: Quantity;
  /** Heading of the rows: `layer`, `task`. */
  of: string;
  rows: readonly string[];
  columns: readonly string[];
  /** NaN: no measurement. */
  valueAt(row: number, column: number): number;
}

export type Quantity = 'normRatio' | 'cosine';

const NAMES: Record<Quantity, string> = { normRatio: 'norm ratio', cosine: 'cosine' };
const LEGENDS: Record<Quantity, readonly string[]> = {
  normRatio: ['¼, too small', '1, like the true weights', '4, too large'],
  cosine: ['−1, opposite', '0, unrelated', '1, the same direction'],
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
    const cells = columns.map((column, j) => cellHtml(map.valueAt(i, j), quantity, `${of} ${row}, ${column}`));
    return `<tr><th scope="row">${escapeHtml(row)}</th>${cells.join('')}</tr>`;
  });
  return `<figure class="heat">
<figcaption>${escapeHtml(title)}</figcaption>
<div class="table"><table class="${quantity}"><thead>${heading}</thead>
<tbody>
${body.join('\n')}
</tbody></table></div>
${legendHtml(quantity)}
</figure>`;
}

function cellHtml(value: number, quantity: Quantity, where: string): string {
  if (!Number.isFinite(value)) return `<td title="${escapeHtml(where)}: not measured">–</td>`;
  const { side, strength } = shadeOf(value, quantity);
  const deep = strength > DEEP ? ' deep' : '';
  const title = escapeHtml(`${where}: ${NAMES[quantity]} ${short(value)}`);
  return `<td class="${side}${deep}" style="--strength:${strength.toFixed(2)}" title="${title}">${value.toFixed(2)}</td>`;
}

/** Norm ratios by their logarithm: a half and a double are equally wrong. Full strength at a quarter and at four. */
export function shadeOf(value: number, quantity: Quantity): { side: 'low' | 'high'; strength: number } {
  const deviation = quantity === 'normRatio' ? Math.log2(Math.max(value, 0)) / 2 : value;
  return { side: deviation < 0 ? 'low' : 'high', strength: Math.min(1, Math.abs(deviation)) };
}

function legendHtml(quantity: Quantity): string {
  const labels = LEGENDS[quantity].map((label) => `<span>${escapeHtml(label)}</span>`);
  return `<div class="legend ${quantity}"><div class="ramp" aria-hidden="true"></div><div class="labels">${labels.join('')}</div></div>`;
}
