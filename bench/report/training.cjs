const { settingsNote } = require('./peer-settings.cjs');
const { duration, percent, rate, ratio, time, times } = require('./table.cjs');

/** Forward, and the gradients of inputs and of weights: three convolutions for one. */
const PASSES = 3;

const gigabytes = (bytes) => (Number.isFinite(bytes) ? `${(bytes / 1e9).toFixed(2)} GB` : null);
const millions = (parameters) => `${(parameters / 1e6).toFixed(1)} M`;
const shapeOf = (features) => features.map((shape) => `(${shape.join(',')})`).join(' ');

/** The forward pass with its loss, what the backward pass adds to it, and the optimiser: as measured one by one. */
function partsOf({ oursForward, oursGradient, oursUpdate }) {
  if (!oursForward || !oursGradient || !oursUpdate) return null;
  const forward = oursForward.median;
  const backward = Math.max(0, oursGradient.median - forward);
  return { forward, backward, update: oursUpdate.median };
}

/** @returns the row of the batch that the marks are about */
const markedBatch = (decoder, { batch }) => decoder?.batches.find((row) => row.batch === batch);

function stepTable({ name, features, kernelSize, parameters, flop, batches, peerSettings }, { tolerance }) {
  const rows = batches.map((row) => [
    row.batch,
    time(row.ours),
    rate(PASSES * row.batch * flop, row.ours),
    time(row.ours8bit),
    time(row.peer),
    rate(PASSES * row.batch * flop, row.peer),
    ratio(row.ours, row.peer),
    ratio(row.ours8bit, row.peer),
  ]);
  return {
    title: `training step, ${name}: k ${kernelSize}, ${shapeOf(features)}, ${millions(parameters)} parameters`,
    headings: ['batch', 'ours', 'GFLOP/s', 'ours, 8-bit moments', 'peer', 'GFLOP/s', 'ratio', 'ratio, 8-bit'],
    rows,
    notes: [...settingsNote(peerSettings?.peer), ...agreement(batches, tolerance)],
  };
}

function agreement(batches, tolerance) {
  const most = (key) => Math.max(...batches.map(({ relativeErrors }) => relativeErrors[key] ?? Number.NaN));
  const notes = [];
  if (Number.isFinite(most('loss')))
    notes.push(
      `same weights, same batches: over all steps losses differ by ${most('loss').toExponential(1)} relative to the peer, ` +
        `gradient norms by ${most('gradientNorm').toExponential(1)} (≤ ${tolerance})`,
    );
  if (Number.isFinite(most('moments')))
    notes.push(`8-bit moments: losses differ by ${most('moments').toExponential(1)} relative to float32 moments`);
  return notes;
}

function partsTable({ name, batches }) {
  const rows = batches.map((row) => {
    const parts = partsOf(row);
    const both = row.oursGradient;
    return [
      row.batch,
      time(row.oursForward),
      time(both),
      both && row.oursForward ? times(both.median / row.oursForward.median) : null,
      time(row.oursUpdate),
      time(row.ours8bitUpdate),
      parts ? percent(parts.update / (parts.forward + parts.backward + parts.update)) : null,
      time(row.peerForward),
      ratio(row.oursForward, row.peerForward),
    ];
  });
  return {
    title: `parts of our training step, ${name}`,
    headings: [
      'batch',
      'forward alone',
      'forward and backward',
      'of forward alone',
      'clip and AdamW',
      '8-bit',
      'of the step',
      'peer forward alone',
      'ratio',
    ],
    rows,
  };
}

function sizeTable({ decoders, batch }) {
  const rows = decoders.flatMap((decoder) => {
    const row = markedBatch(decoder, { batch });
    if (!row) return [];
    const { name, parameters, flop } = decoder;
    return [
      [
        name,
        millions(parameters),
        `${((PASSES * batch * flop) / 1e12).toPrecision(3)}`,
        time(row.ours),
        time(row.ours8bit),
        time(row.peer),
        ratio(row.ours, row.peer),
        gigabytes(row.memory.activations),
      ],
    ];
  });
  return {
    title: `training step, batch ${batch}, by number of parameters`,
    headings: [
      '',
      'parameters',
      'TFLOP directly',
      'ours',
      'ours, 8-bit moments',
      'peer',
      'ratio',
      'our activations and workspace',
    ],
    rows,
  };
}

/** The peer with bfloat16 products, beside ours in float32. */
function bfloat16Table({ decoders, batch }) {
  const rows = [];
  const notes = ['errors: over all steps, relative to ours in float32'];
  for (const decoder of decoders) {
    const row = markedBatch(decoder, { batch });
    if (!row?.peerBfloat16) continue;
    const { bfloat16Loss, bfloat16GradientNorm } = row.relativeErrors;
    rows.push([
      decoder.name,
      time(row.ours),
      time(row.peer),
      time(row.peerBfloat16),
      ratio(row.ours, row.peerBfloat16),
      bfloat16Loss.toExponential(1),
      bfloat16GradientNorm.toExponential(1),
    ]);
    notes.push(...settingsNote(decoder.peerSettings.peerBfloat16).map((note) => `${decoder.name}: ${note}`));
  }
  return {
    title: `training step, batch ${batch}: the peer with bfloat16 products`,
    headings: ['', 'ours', 'peer', 'peer, bfloat16', 'ratio', 'error of its loss', 'of its gradient norm'],
    rows,
    notes,
  };
}

const growthOf = (process) => (process?.idleBytes ? process.peakBytes - process.idleBytes : Number.NaN);

function memoryTable(rows) {
  const cells = (process) => [gigabytes(process?.peakBytes), gigabytes(growthOf(process))];
  const against = (process, peer, of) => {
    const quotient = of(peer) / of(process);
    return Number.isFinite(quotient) ? times(quotient) : null;
  };
  const whole = (process) => process?.peakBytes ?? Number.NaN;
  return {
    title: 'peak memory of a training process',
    headings: [
      '',
      'ours',
      'over idle',
      'ours, 8-bit moments',
      'over idle',
      'peer',
      'over idle',
      'peer’s to ours',
      'over idle',
    ],
    rows: rows.map(({ name, batch, ours, ours8bit, peer }) => [
      `${name}, batch ${batch}`,
      ...cells(ours),
      ...cells(ours8bit),
      ...cells(peer),
      against(ours, peer, whole),
      against(ours, peer, growthOf),
    ]),
    notes: ['over idle: in addition to the process with its libraries loaded and no decoder'],
  };
}

function dataTable(rows) {
  return {
    title: 'data path: time of a step in a real run spent waiting for prompts, conditions and checkpoints',
    headings: [
      '',
      'steps',
      'step',
      'waiting for data',
      'of the step',
      'of the first steps',
      'JavaScript’s thread busy',
    ],
    rows: rows.map(({ name, batch, steps, step, data, share, firstShare, firstSteps, busyShare }) => [
      `${name}, batch ${batch}`,
      steps,
      duration(step.median),
      data.median === 0 ? '0' : duration(data.median),
      `${(100 * share).toFixed(2)} %`,
      `${(100 * firstShare).toFixed(2)} % of ${firstSteps}`,
      `${(100 * busyShare).toFixed(2)} %`,
    ]),
    notes: [
      ...rows.slice(0, 1).map(({ tasks, checkpoints, prompts }) => {
        const pairs = `${tasks} tasks with ${checkpoints} checkpoints and ${prompts} prompts`;
        return `${pairs}, the built-in text encoder; the first steps encode prompts and read checkpoints for the first time`;
      }),
      'the JavaScript thread prepares the next batch during a step: its busy time is an upper bound of the work for data',
    ],
  };
}

function tables(result) {
  const { decoders, memory, data } = result;
  return [
    ...decoders.flatMap((decoder) => [stepTable(decoder, result), partsTable(decoder)]),
    ...(decoders.length > 1 ? [sizeTable(result)] : []),
    ...(decoders.some(({ peerSettings }) => peerSettings?.peerBfloat16) ? [bfloat16Table(result)] : []),
    ...(memory.length > 0 ? [memoryTable(memory)] : []),
    ...(data.length > 0 ? [dataTable(data)] : []),
  ];
}

module.exports = { growthOf, markedBatch, partsOf, tables };
