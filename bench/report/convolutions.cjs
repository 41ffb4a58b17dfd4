const { sum, sumOf } = require('../statistics.cjs');
const { percent, rate, ratio, time } = require('./table.cjs');

/** Tasks together that every convolution is measured with. */
const BATCHES = [1, 8];

/**
 * What all convolutions of a decoder would take one after the other; nothing when one is missing.
 * @param {'ours' | 'direct' | 'peer'} rival
 */
function summed({ rows }, rival, batch = 1) {
  const parts = rows.map((row) => ({ figure: of(row, batch)?.[rival], count: row.count }));
  return parts.every(({ figure }) => figure) ? sumOf(parts) : undefined;
}

const of = (row, batch) => row.batches.find((each) => each.batch === batch);

/**
 * Rate of the complex product as a fraction of the machine's sgemm peak for the same number of threads: of one
 * convolution, or of all in `rows` together. NaN where none is spectral or there is no peak.
 */
function productFraction(rows, batch, { peak, threads }) {
  const spectral = rows.map((row) => ({ ...of(row, batch), count: row.count })).filter(({ parts }) => parts);
  const flop = sum(spectral.map(({ productFlop, count }) => count * productFlop));
  const processorSeconds = sum(spectral.map(({ parts, count }) => count * parts.product));
  return flop / (processorSeconds / threads) / (peak?.sgemm.flopPerSecond ?? Number.NaN);
}

/** A direct convolution's own arithmetic as a fraction of that peak. */
function directFraction({ flop }, figure, { peak }) {
  return figure && peak ? flop / figure.median / peak.sgemm.flopPerSecond : Number.NaN;
}

/** Shares of the threads' time, in the order of `parts`, and what is left: waiting, and work that has no name. */
function shares({ parts, ours }, threads) {
  if (!parts) return null;
  const whole = ours.median * threads;
  const named = Object.fromEntries(Object.entries(parts).map(([part, seconds]) => [part, seconds / whole]));
  return { ...named, rest: Math.max(0, 1 - sum(Object.values(named))) };
}

function tables(result, results) {
  return [timesTable(result, results), ...BATCHES.map((batch) => partsTable(result, batch, results))];
}

function timesTable(result, results) {
  const { rows } = result;
  const total = (rival, batch) => time(summed(result, rival, batch));
  const flop = sum(rows.map((row) => row.count * row.flop));
  const body = rows.map((row) => {
    const [one, eight] = row.batches;
    return [
      row.count > 1 ? `${row.name} (${row.count}×)` : row.name,
      `${row.tokens}×${row.height}×${row.width}`,
      row.outputChannels,
      (row.flop / 1e9).toPrecision(3),
      time(one.ours),
      rate(row.flop, one.ours),
      time(eight.ours),
      time(one.direct),
      percent(directFraction(row, one.direct, results)),
      time(one.peer),
      percent(directFraction(row, one.peer, results)),
      ratio(one.ours, one.peer),
    ];
  });
  const last = ['all, summed', null, null, (flop / 1e9).toPrecision(3), total('ours'), null, total('ours', 8)];
  const ofPeer = [total('peer'), null, ratio(summed(result, 'ours'), summed(result, 'peer'))];
  return {
    title: 'convolutions: one prompt set, and eight together',
    headings: [
      'layer, weight',
      'input',
      'out',
      'GFLOP',
      'ours',
      'GFLOP/s',
      'ours, 8 tasks',
      'ours direct',
      'of peak',
      'peer',
      'of peak',
      'ratio',
    ],
    rows: [...body, [...last, total('direct'), null, ...ofPeer]],
    notes: leftOut(rows),
  };
}

const leftOut = (rows) =>
  rows.flatMap((row) =>
    row.batches.flatMap(({ name, leftOut, peerLeftOut }) => [
      ...(leftOut ? [`${row.name}, ${name}: skipped, ${leftOut}`] : []),
      ...(peerLeftOut ? [`${row.name}, ${name}: peer skipped, ${peerLeftOut}`] : []),
    ]),
  );

function partsTable({ rows }, batch, results) {
  const body = rows.map((row) => {
    const measured = of(row, batch);
    const share = measured.ours && shares(measured, results.threads);
    const parts = ['forward', 'halve', 'columns', 'product', 'inverse', 'rest'];
    return [
      row.name,
      measured.algorithm ?? null,
      measured.tilePoints?.join('×') ?? null,
      measured.productFlop ? (measured.productFlop / 1e9).toPrecision(3) : null,
      percent(productFraction([row], batch, results)),
      ...parts.map((part) => (share ? percent(share[part]) : null)),
    ];
  });
  const total = [null, null, null, percent(productFraction(rows, batch, results))];
  return {
    title: `convolutions, batch ${batch}: the complex product, and thread time by part`,
    headings: [
      'layer, weight',
      'algorithm',
      'tile',
      'product GFLOP',
      'of peak',
      'tiles forward',
      'weights, halved axis',
      'weights, other axis',
      'product',
      'inverse',
      'rest',
    ],
    rows: [...body, ['all', ...total, null, null, null, null, null, null]],
  };
}

module.exports = { BATCHES, directFraction, productFraction, shares, summed, tables };
