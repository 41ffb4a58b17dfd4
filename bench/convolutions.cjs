const { measureConvolution } = require('../dist/engine/index.js');
const { convolutionsOf } = require('./shapes.cjs');
const { alternate } = require('./statistics.cjs');
const { printTable, rate, ratio, time } = require('./table.cjs');

/** Each convolution of the decoder on random data, one task. */
async function measure({ configuration, peer, threads, runs }) {
  const rows = [];
  for (const convolution of convolutionsOf(configuration)) {
    const { axis, tokens, height, width, outputChannels, kernelSize } = convolution;
    const request = { axis, tokens, height, width, outputChannels, kernelSize, batch: 1 };
    const rivals = { ours: () => measureConvolution({ ...request, threads }) };
    if (peer) rivals.peer = async () => (await peer.ask('convolution', request)).seconds;
    rows.push({ ...convolution, ...(await alternate(rivals, runs)) });
  }
  return { rows };
}

function print({ rows }) {
  printTable(
    'convolutions',
    ['layer, weight', 'input', 'out', 'GFLOP', 'ours', 'GFLOP/s', 'peer', 'GFLOP/s', 'ratio'],
    rows.map((row) => [
      `${row.layer} ${row.weight}`,
      `${row.tokens}×${row.height}×${row.width}`,
      row.outputChannels,
      (row.flop / 1e9).toPrecision(3),
      time(row.ours),
      rate(row.flop, row.ours),
      time(row.peer),
      rate(row.flop, row.peer),
      ratio(row.ours, row.peer),
    ]),
  );
}

module.exports = { measure, print };
