const { measureGemm } = require('../dist/engine/index.js');
const { alternate } = require('./statistics.cjs');
const { printTable, rate, ratio, time } = require('./table.cjs');

/** float32 matrix product n×n×n: the machine's peak, by which everything else can be judged. */
async function measure({ peer, threads, runs, quick }) {
  const rows = [];
  for (const n of quick ? [1024] : [2048, 4096]) {
    const rivals = { ours: () => measureGemm(n, threads) };
    if (peer) rivals.peer = async () => (await peer.ask('gemm', { n })).seconds;
    rows.push({ n, flop: 2 * n ** 3, ...(await alternate(rivals, runs)) });
  }
  return { rows };
}

function print({ rows }) {
  printTable(
    'sgemm',
    ['n', 'ours', 'GFLOP/s', 'torch.mm', 'GFLOP/s', 'ratio'],
    rows.map(({ n, flop, ours, peer }) => [
      n,
      time(ours),
      rate(flop, ours),
      time(peer),
      rate(flop, peer),
      ratio(ours, peer),
    ]),
  );
}

module.exports = { measure, print };
