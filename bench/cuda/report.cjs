const { sum, sumOf } = require('../statistics.cjs');
const { duration, percent, ratio, time } = require('../report/table.cjs');

const KIND = 'dnd-lora CUDA benchmark';
/** Of the JSON's layout. */
const VERSION = 1;

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
const tera = (flop, figure) => (figure ? (flop / figure.median / 1e12).toPrecision(3) : null);
const error = (value) => (value === undefined ? null : value.toExponential(1));

/** What a reader has to know of a run before its figures: lines of text. */
function aboutLines({ machine, device, peer, batches, runs, date }) {
  const version = (number) => `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`;
  return [
    `dnd-lora ${machine.package} (${machine.commit ?? 'no commit'}), batches ${batches.join(', ')}, at most ${runs} runs of each, ${date}`,
    `${device.name}, compute capability ${device.computeMajor}.${device.computeMinor}, ${gigabytes(device.memoryBytes)}, ` +
      `driver for CUDA ${version(device.driverVersion)}, runtime ${version(device.runtimeVersion)}; ` +
      `planned with the rates of ${device.model}, precision ${device.precision}`,
    `${machine.cpu}, ${machine.coresAvailable} cores, ${machine.platform}, Node ${machine.node}`,
    peer.missing
      ? `peer: none (${peer.missing})`
      : `peer: PyTorch ${peer.torch}, CUDA ${peer.cuda}, cuDNN ${peer.cudnn}, ${peer.device}; bf16 autocast, cudnn.benchmark, the best of its layouts`,
  ];
}

function peaksTables({ product, flopPerSecond, by, copy, bytesPerSecond }) {
  return [
    {
      title: 'peaks of the device, measured in this run',
      headings: ['', 'ours', 'PyTorch', 'peak'],
      rows: [
        [
          `matrix product ${product.n}³`,
          time(product.ours),
          time(product.peer),
          `${(flopPerSecond / 1e12).toPrecision(3)} TFLOP/s`,
        ],
        ['copy', null, time(copy?.peer), bytesPerSecond ? `${(bytesPerSecond / 1e9).toFixed(0)} GB/s` : null],
      ],
      notes: [`product: the better one is ${by}; copy: counted as read and written`],
    },
  ];
}

/** Sum over all convolutions of a decoder; nothing where one is missing. */
function summed(rows, batch, rival) {
  const parts = rows.map((row) => ({ figure: of(row, batch)[rival], count: row.count }));
  return parts.every(({ figure }) => figure) ? sumOf(parts) : undefined;
}

const of = (row, batch) => row.batches.find((each) => each.batch === batch);

function rates({ executedFlop, movedBytes }, figure, { peaks }) {
  if (!figure) return [null, null, null, null];
  const bytes = movedBytes / figure.median;
  return [
    tera(executedFlop, figure),
    percent(executedFlop / figure.median / (peaks?.flopPerSecond ?? Number.NaN)),
    (bytes / 1e9).toFixed(0),
    percent(bytes / (peaks?.bytesPerSecond ?? Number.NaN)),
  ];
}

function convolutionsTables({ rows }, results, { name }) {
  return results.batches.map((batch) => {
    const body = rows.map((row) => {
      const each = of(row, batch);
      return [
        row.count > 1 ? `${row.name} (${row.count}×)` : row.name,
        `${row.tokens}×${row.height}×${row.width}`,
        row.outputChannels,
        each.algorithm ?? null,
        each.tilePoints?.join('×') ?? null,
        (each.executedFlop / 1e9).toPrecision(3),
        time(each.ours),
        duration(each.modelled),
        ...rates(each, each.ours, results),
        time(each.peer),
        each.peerVariant ?? null,
        ratio(each.ours, each.peer),
      ];
    });
    const total = (key) => sum(rows.map((row) => row.count * of(row, batch)[key]));
    const work = { executedFlop: total('executedFlop'), movedBytes: total('movedBytes') };
    const [ours, peer] = ['ours', 'peer'].map((rival) => summed(rows, batch, rival));
    const all = [null, null, null, null, (work.executedFlop / 1e9).toPrecision(3), time(ours)];
    const last = [duration(total('modelled')), ...rates(work, ours, results), time(peer), null, ratio(ours, peer)];
    return {
      title: `${name}: convolutions, batch ${batch}`,
      headings: [
        'layer, weight',
        'input',
        'out',
        'algorithm',
        'tile',
        'GFLOP',
        'ours',
        'modelled',
        'TFLOP/s',
        'of peak',
        'GB/s',
        'of peak',
        'peer',
        'its best',
        'ratio',
      ],
      rows: [...body, ['all, summed', ...all, ...last]],
      notes: leftOut(rows, batch),
    };
  });
}

const leftOut = (rows, batch) =>
  rows.flatMap((row) => {
    const { leftOut, peerLeftOut } = of(row, batch);
    return [
      ...(leftOut ? [`${row.name}: skipped, ${leftOut}`] : []),
      ...(peerLeftOut ? [`${row.name}: peer skipped, ${peerLeftOut}`] : []),
    ];
  });

function layersTables({ rows }, _results, { name }) {
  return [
    {
      title: `${name}: each layer alone, relative error`,
      headings: ['', 'features', 'ours', 'peer', 'its best', 'against'],
      rows: rows.map((row) => [
        row.name,
        row.features.map((feature) => feature.join('×')).join(' → '),
        error(row.errors?.ours),
        error(row.errors?.peer),
        row.errors?.peerVariant ?? null,
        row.errors?.reference ?? null,
      ]),
      notes: rows.filter((row) => row.leftOut).map((row) => `${row.name} skipped: ${row.leftOut}`),
    },
  ];
}

function decoderTables({ batches, heldBytes, tolerance, peerLeftOut }, _results, { name }) {
  return [
    {
      title: `${name}: decoder, condition to weight tokens in host memory; ${gigabytes(heldBytes)} resident on the device`,
      headings: ['tasks', 'ours', 'per task', 'peer', 'ratio', 'error', 'peer’s error'],
      rows: batches.map((row) => [
        row.batch,
        time(row.ours),
        row.ours ? duration(row.ours.median / row.batch) : null,
        time(row.peer),
        ratio(row.ours, row.peer),
        error(row.errors?.ours),
        error(row.errors?.peer),
      ]),
      notes: [
        ...batches.filter((row) => row.errors).map((row) => errorNote(row, tolerance)),
        ...(peerLeftOut ? [`peer skipped: ${peerLeftOut}`] : []),
        ...batches.filter((row) => row.leftOut).map((row) => `batch ${row.batch} skipped: ${row.leftOut}`),
      ],
    },
  ];
}

function errorNote({ batch, errors: { reference, leftOut } }, tolerance) {
  if (leftOut) return `batch ${batch}: no error, ${leftOut}`;
  return `error: relative to ${reference}; ours ≤ ${tolerance}`;
}

const STAGES = ['encode', 'decode', 'restore', 'fetch', 'write', 'endToEnd'];

function stagesTables({ encoder, batches }, _results, { name }) {
  return [
    {
      title: `${name}: prompts → adapters on disk, encoder ${encoder}`,
      headings: ['tasks', 'encode', 'decode', 'check', 'fetch', 'write', 'end to end'],
      rows: batches.map((row) => [row.batch, ...STAGES.map((stage) => time(row[stage]))]),
      notes: [
        'decode includes denormalising and the transfer of the adapters; fetch is the transfer of as many numbers, measured alone',
        ...batches
          .filter((row) => row.together < row.batch)
          .map((row) => `batch ${row.batch}: ${row.together} decoded together, for lack of memory`),
        ...batches.filter((row) => row.leftOut).map((row) => `batch ${row.batch} skipped: ${row.leftOut}`),
      ],
    },
  ];
}

function encoderTables({ model, prompts, length, flop, ours, peer, error: relative, tolerance }) {
  return [
    {
      title: `encoder: ${model}, ${prompts} prompts × ${length} positions`,
      headings: ['', 'ours', 'TFLOP/s', 'peer', 'TFLOP/s', 'ratio', 'error'],
      rows: [
        [
          'padding encoded',
          time(ours),
          tera(flop, ours),
          time(peer),
          tera(flop, peer),
          ratio(ours, peer),
          error(relative),
        ],
      ],
      notes: tolerance ? [`error against float64, ≤ ${tolerance}`] : [],
    },
  ];
}

/** Tables of each part of the results, in the order in which they are measured. */
const SINGLE_TABLES = { peaks: peaksTables, encoder: encoderTables };
const CONFIGURATION_TABLES = {
  convolutions: convolutionsTables,
  layers: layersTables,
  decoder: decoderTables,
  stages: stagesTables,
};

/** All tables of a run's results. */
function cudaTables(results) {
  const tables = (parts, target) =>
    Object.entries(parts).flatMap(([name, tablesOf]) => (target[name] ? tablesOf(target[name], results, target) : []));
  return [
    ...tables(SINGLE_TABLES, results),
    ...results.configurations.flatMap((configuration) => tables(CONFIGURATION_TABLES, configuration)),
  ];
}

module.exports = { aboutLines, CONFIGURATION_TABLES, cudaTables, KIND, SINGLE_TABLES, VERSION };
