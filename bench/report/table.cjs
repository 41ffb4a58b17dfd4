/**
 * Rows under their headings; null is a cell without a value.
 * @typedef {{ title: string, headings: string[], rows: (string | number | null)[][], notes?: string[] }} Table
 */

const NOTHING = '–';

const textOf = (cell) => (cell === null || cell === undefined ? NOTHING : String(cell));

/** The first column to the left, numbers to the right. */
function printTable({ title, headings, rows, notes = [] }) {
  const cells = [headings, ...rows.map((row) => row.map(textOf))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  console.log(`\n${title}`);
  for (const row of cells) {
    const line = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])));
    console.log(`  ${line.join('  ').trimEnd()}`);
  }
  for (const note of notes) console.log(`  ${note}`);
}

const UNITS = [
  [1, 1, 's', 2],
  [1e-3, 1000, 'ms', 1],
  [0, 1e6, 'µs', 0],
];

const unitOf = (seconds) => UNITS.find(([from]) => seconds >= from);

/** Median, spread and number of runs: "12.3 ms (12.1–12.9) ×5"; a sum of figures begins with Σ. */
function time(figure) {
  if (!figure) return null;
  const [, factor, unit, digits] = unitOf(figure.median);
  const show = (seconds) => (seconds * factor).toFixed(digits);
  const spread = `${show(figure.median)} ${unit} (${show(figure.min)}–${show(figure.max)})`;
  return figure.summed ? `Σ ${spread}` : `${spread} ×${figure.runs.length}`;
}

/** A number of seconds by itself. */
function duration(seconds) {
  const [, factor, unit] = unitOf(seconds);
  return `${+(seconds * factor).toPrecision(3)} ${unit}`;
}

/** GFLOP/s at the median. */
function rate(flop, figure) {
  return figure ? (flop / figure.median / 1e9).toFixed(0) : null;
}

/** How many times as fast as the peer: its median over ours. */
function ratio(ours, peer) {
  return ours && peer ? times(peer.median / ours.median) : null;
}

const times = (value) => `${value.toPrecision(3)}×`;

const percent = (fraction) => (Number.isFinite(fraction) ? `${(100 * fraction).toFixed(0)} %` : null);

module.exports = { duration, percent, printTable, rate, ratio, textOf, time, times };
