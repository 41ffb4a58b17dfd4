const { markedBatch, partsOf } = require('../training.cjs');
const { COLOURS, exactly, hasPoints, point } = require('./series.cjs');

const RIVALS = [
  ['ours', 'ours', COLOURS.ours],
  ['ours8bit', 'ours, 8-bit moments', COLOURS.oursBatch],
  ['peer', 'PyTorch', COLOURS.peer],
];

const seriesOf = (rows) =>
  RIVALS.map(([rival, label, colour]) => ({
    label,
    colour,
    points: rows.map((row) => point(row[rival]) ?? null),
  })).filter(hasPoints);

function timeAgainstBatch({ name, batches }) {
  return {
    kind: 'lines',
    title: `${name}: training step time in seconds by batch size`,
    axis: 'checkpoints per step',
    unit: 's',
    logarithmic: true,
    labels: batches.map(({ batch }) => String(batch)),
    series: seriesOf(batches),
  };
}

function timeAgainstParameters({ decoders, batch }) {
  const marked = decoders.filter((decoder) => markedBatch(decoder, { batch }));
  return {
    kind: 'lines',
    title: `training step time in seconds with batch ${batch} by number of parameters`,
    axis: 'decoder, parameters',
    unit: 's',
    logarithmic: true,
    labels: marked.map(({ name, parameters }) => `${name}, ${(parameters / 1e6).toFixed(1)} M`),
    series: seriesOf(marked.map((decoder) => markedBatch(decoder, { batch }))),
  };
}

const PARTS = [
  ['forward', 'forward', COLOURS.product],
  ['backward', 'backward', COLOURS.columns],
  ['update', 'clip and AdamW', COLOURS.inverse],
];

function parts({ name, batches }) {
  const measured = batches.map(partsOf);
  return {
    kind: 'stacks',
    title: `${name}: time of our training step by part`,
    axis: 'checkpoints per step',
    unit: 's',
    labels: batches.map(({ batch }) => String(batch)),
    series: PARTS.map(([part, label, colour]) => ({
      label,
      colour,
      points: measured.map((each) => (each ? exactly(each[part]) : null)),
    })).filter(hasPoints),
  };
}

/** @returns {import('./series.cjs').Chart[]} of what was measured; a curve needs more than one point */
function trainingCharts(training) {
  const several = training.decoders.filter(({ batches }) => batches.length > 1);
  return [
    ...(training.decoders.length > 1 ? [timeAgainstParameters(training)] : []),
    ...several.flatMap((decoder) => [timeAgainstBatch(decoder), parts(decoder)]),
  ].filter(({ series }) => series.length > 0);
}

module.exports = { trainingCharts };
