/** Prints rows under their headings: the first column to the left, numbers to the right. */
function printTable(title, headings, rows) {
  const cells = [headings, ...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell))))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  console.log(`\n${title}`);
  for (const row of cells) {
    const line = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])));
    console.log(`  ${line.join('  ').trimEnd()}`);
  }
}

/** Seconds in the unit that suits them, with the spread where there were several runs. */
function time(measured) {
  if (!measured) return null;
  const [factor, unit, digits] = measured.median < 1 ? [1000, 'ms', 1] : [1, 's', 2];
  const show = (seconds) => (seconds * factor).toFixed(digits);
  return `${show(measured.median)} ${unit} (${show(measured.min)}–${show(measured.max)})`;
}

/** GFLOP/s at the median. */
function rate(flop, measured) {
  return measured ? (flop / measured.median / 1e9).toFixed(0) : null;
}

/** How many times as fast as the peer: its median over ours. */
function ratio(ours, peer) {
  return peer ? `${(peer.median / ours.median).toFixed(2)}×` : null;
}

module.exports = { printTable, rate, ratio, time };
