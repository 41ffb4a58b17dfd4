const { duration, percent } = require('../report/table.cjs');
const { plannedMarks } = require('./marks.cjs');

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
const tera = (flop, seconds) => (flop / seconds / 1e12).toPrecision(3);
const giga = (bytes, seconds) => (bytes / seconds / 1e9).toFixed(0);

/**
 * Tables of plannedResults.
 * @returns {import('../report/table.cjs').Table[]}
 */
function plannedTables(results) {
  return [
    modelTable(results),
    ...results.configurations.flatMap((each) => configurationTables(each, results)),
    ...marksTables(results),
  ];
}

function modelTable({ model, precision }) {
  const row = (what, nominal, attainable, unit) => [
    what,
    `${Number(nominal.toPrecision(4))} ${unit}`,
    `${Number(attainable.toPrecision(3))} ${unit}`,
    percent(attainable / nominal),
  ];
  return {
    title: `modelled, not measured: ${model.name}, precision ${precision}`,
    headings: ['', 'maker', 'expected', 'of it'],
    rows: [
      row('memory', model.bytesPerSecond / 1e9, model.attainableBytesPerSecond / 1e9, 'GB/s'),
      row('fp16, tensor cores', model.halfFlopPerSecond / 1e12, model.attainableHalfFlopPerSecond / 1e12, 'TFLOP/s'),
      row('fp32', model.floatFlopPerSecond / 1e12, model.attainableFloatFlopPerSecond / 1e12, 'TFLOP/s'),
    ],
    notes: [
      "from the vendor's figures and the fractions in native/plan/cuda_rates.cc; fractions below are of the expected",
    ],
  };
}

function configurationTables(configuration, results) {
  const [first] = configuration.batches.filter(({ leftOut }) => !leftOut);
  return [stagesTable(configuration, results), ...(first ? [convolutionsTable(configuration, first, results)] : [])];
}

function stagesTable({ name, batches }, { encoder, model, precision }) {
  const rows = batches.map((row) => {
    if (row.leftOut) return [row.batch, null, null, null, null, null, null, null, null, null];
    const { encode, decode, fetch } = row.seconds;
    return [
      row.batch,
      duration(encode),
      duration(decode),
      duration(decode / row.batch),
      duration(fetch),
      duration(encode + decode + fetch),
      tera(row.executedFlop, decode),
      percent(row.executedFlop / decode / peakOf(model, precision)),
      giga(row.movedBytes, decode),
      gigabytes(row.deviceBytes.device),
    ];
  });
  return {
    title: `${name}: stages, modelled on ${model.name}`,
    headings: [
      'tasks',
      `encode (${encoder})`,
      'decode',
      'per task',
      'fetch',
      'all',
      'TFLOP/s',
      'of peak',
      'GB/s',
      'device memory',
    ],
    rows,
    notes: [
      ...batches.filter(({ leftOut }) => leftOut).map(({ batch, leftOut }) => `batch ${batch} skipped: ${leftOut}`),
      'decode: convolutions and normalisations without length projection; writing to disk is not modelled',
    ],
  };
}

function convolutionsTable({ name }, { batch, convolutions, ...total }, { model, precision }) {
  const rates = ({ executedFlop, movedBytes }, seconds) => [
    tera(executedFlop, seconds),
    percent(executedFlop / seconds / peakOf(model, precision)),
    giga(movedBytes, seconds),
    percent(movedBytes / seconds / model.attainableBytesPerSecond),
  ];
  const rows = convolutions.map((each) => [
    each.name,
    `${each.channels} → ${each.outputChannels}`,
    each.picture.join('×'),
    each.algorithm,
    each.tilePoints?.join('×') ?? null,
    each.spectraHeld ? 'spectra' : 'taps',
    (each.executedFlop / 1e9).toPrecision(3),
    duration(each.seconds),
    ...rates(each, each.seconds),
  ]);
  const { decode } = total.seconds;
  const all = [null, null, null, null, null, (total.executedFlop / 1e9).toPrecision(3), duration(decode)];
  return {
    title: `${name}: convolutions, batch ${batch}, modelled on ${model.name}`,
    headings: [
      'layer, weight',
      'channels',
      'picture',
      'algorithm',
      'tile',
      'held as',
      'GFLOP',
      'time',
      'TFLOP/s',
      'of peak',
      'GB/s',
      'of peak',
    ],
    rows: [...rows, ['all', ...all, ...rates(total, decode)]],
    notes: [`direct: ${(total.directFlop / 1e12).toPrecision(3)} TFLOP; GB/s as if no cache helped`],
  };
}

const peakOf = (model, precision) =>
  precision === 'fp32' ? model.attainableFloatFlopPerSecond : model.attainableHalfFlopPerSecond;

function marksTables(results) {
  const marks = plannedMarks(results);
  if (marks.length === 0) return [];
  return [
    {
      title: `marks, modelled on ${results.model.name} with mma.sync`,
      headings: ['', 'asked', 'modelled', 'met'],
      rows: marks.map(({ name, asked, modelled, unit, met }) => [
        name,
        `≤ ${asked} ${unit}`,
        `${modelled.toFixed(2)} ${unit}`,
        met ? 'yes' : 'NO',
      ]),
    },
  ];
}

module.exports = { plannedTables };
