const { rate, ratio, time } = require('./table.cjs');

function productTable(title, gemm, notes) {
  return {
    title,
    headings: ['n', 'ours', 'GFLOP/s', 'torch.mm', 'GFLOP/s', 'ratio'],
    rows: gemm.map(({ name, flop, ours, peer }) => [
      name,
      time(ours),
      rate(flop, ours),
      time(peer),
      rate(flop, peer),
      ratio(ours, peer),
    ]),
    notes,
  };
}

function tables({ gemm, copy, sgemm }, { threads }) {
  const gigabytes = (copy.bytesPerSecond / 1e9).toFixed(1);
  return [
    productTable(`machine, ${threads} threads: sgemm`, gemm, [
      `sgemm peak: ${(sgemm.flopPerSecond / 1e9).toFixed(0)} GFLOP/s (${sgemm.by}, ${sgemm.n}³)`,
      `copy of ${(copy.bytes / 2 ** 20).toFixed(0)} MiB: ${time(copy.ours)}, ${gigabytes} GB/s read and written`,
    ]),
  ];
}

function tablesAgain({ gemm, sgemm }, { peak }) {
  const change = sgemm.flopPerSecond / peak.sgemm.flopPerSecond - 1;
  return [
    productTable('machine, at the end: sgemm', gemm, [
      `the peak has changed by ${(100 * change).toFixed(0)} % since the start; fractions are of the first`,
    ]),
  ];
}

module.exports = { tables, tablesAgain };
