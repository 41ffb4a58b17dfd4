const { BATCHES, directFraction, productFraction, shares } = require('../convolutions.cjs');
const { PRODUCT_FRACTION } = require('../marks.cjs');
const { COLOURS, exactly, hasPoints, point } = require('./series.cjs');

/** Seconds of the whole batch against its size; what was not measured with a batch is missing there. */
function timeAgainstBatch({ name, decoder }) {
  const rivals = [
    ['ours', 'ours'],
    ['direct', 'ours, direct'],
    ['peer', 'PyTorch'],
  ];
  const { batches, summed = {} } = decoder;
  const series = rivals.map(([rival, label]) => ({
    colour: COLOURS[rival],
    label: summed[rival] ? `${label} (summed)` : label,
    points: batches.map((row) => point(row[rival] ?? (row.batch === 1 ? summed[rival] : undefined)) ?? null),
  }));
  return {
    kind: 'lines',
    title: `${name}: decoder forward time in seconds by number of prompt sets`,
    axis: 'tasks together',
    unit: 's',
    labels: batches.map(({ batch }) => String(batch)),
    series: series.filter(hasPoints),
  };
}

const at = (row, batch) => row.batches.find((each) => each.batch === batch) ?? {};

/** A figure of seconds as a fraction of the peak: its slowest run is the smallest fraction. */
function fractionOf(row, figure, results) {
  if (!figure || !results.peak) return null;
  const of = (key) => directFraction(row, { median: figure[key] }, results);
  return { median: of('median'), min: of('max'), max: of('min') };
}

/** Rates as a fraction of the sgemm peak of the same threads: the complex product's, and those of direct convolutions. */
function fractionOfPeak({ name, convolutions }, results) {
  const { rows } = convolutions;
  const series = [
    ...BATCHES.map((batch) => ({
      label: `ours, complex product, batch ${batch}`,
      colour: batch === 1 ? COLOURS.ours : COLOURS.oursBatch,
      points: rows.map((row) => exactly(productFraction([row], batch, results))),
    })),
    ...[
      ['direct', 'ours, direct'],
      ['peer', 'PyTorch'],
    ].map(([rival, label]) => ({
      label,
      colour: COLOURS[rival],
      points: rows.map((row) => fractionOf(row, at(row, 1)[rival], results)),
    })),
  ];
  return {
    kind: 'bars',
    title: `${name}: rate of each convolution as a fraction of the sgemm peak`,
    axis: 'layer, weight',
    unit: '%',
    labels: rows.map((row) => row.name),
    series: series.filter(hasPoints),
    line: { label: 'target for the product', value: PRODUCT_FRACTION },
  };
}

const PARTS = {
  forward: 'tiles forward',
  halve: 'weights, halved axis',
  columns: 'weights, other axis',
  product: 'complex product',
  inverse: 'inverse',
  rest: 'rest',
};

/** Seconds of each convolution, cut into the parts of the spectral algorithm; a direct one is a single part. */
function timeOfParts({ name, convolutions }, batch, { threads }) {
  const { rows } = convolutions;
  const measured = rows.map((row) => at(row, batch));
  const ofPart = (row, part) => (row.parts ? exactly(row.ours.median * shares(row, threads)[part]) : null);
  const series = Object.entries(PARTS).map(([part, label]) => ({
    label,
    colour: COLOURS[part],
    points: measured.map((row) => ofPart(row, part)),
  }));
  const direct = measured.map((row) => (row.ours && !row.parts ? exactly(row.ours.median) : null));
  return {
    kind: 'stacks',
    title: `${name}: time of each convolution by part, batch ${batch}`,
    axis: 'layer, weight',
    unit: 's',
    labels: rows.map((row) => row.name),
    series: [...series, { label: 'direct', colour: COLOURS.directPart, points: direct }].filter(hasPoints),
  };
}

/** @returns {Chart[]} of one configuration, of what was measured */
function chartsOf(configuration, results) {
  const charts = [];
  if (configuration.decoder) charts.push(timeAgainstBatch(configuration));
  if (configuration.convolutions) {
    charts.push(fractionOfPeak(configuration, results));
    charts.push(...BATCHES.map((batch) => timeOfParts(configuration, batch, results)));
  }
  return charts.filter(({ series }) => series.length > 0);
}

module.exports = { chartsOf };
