const { measureCopy, measureGemm } = require('../../dist/engine/index.js');
const { alternate, summarise } = require('../statistics.cjs');

const COPY_BYTES = 2 ** 30;
const QUICK_COPY_BYTES = 2 ** 28;

async function measureProduct(n, { peer, threads, runs }) {
  const rivals = { ours: async () => (await measureGemm(n, { threads }))[0] };
  if (peer) rivals.peer = async () => (await peer.ask('gemm', { n })).seconds;
  return { name: `${n}³`, n, flop: 2 * n ** 3, ...(await alternate(rivals, { runs })) };
}

/** The best of both rivals at the largest product. */
function bestOf(gemm) {
  const { n, flop, ours, peer } = gemm.at(-1);
  const ofPeer = peer !== undefined && peer.median < ours.median;
  return { n, by: ofPeer ? 'torch.mm' : 'ours', flopPerSecond: flop / (ofPeer ? peer : ours).median };
}

/** What the machine can do with so many threads: a float32 matrix product, and a copy far larger than its caches. */
async function measure(context) {
  const { threads, runs, quick } = context;
  const gemm = [];
  for (const n of quick ? [1024] : [2048, 4096]) gemm.push(await measureProduct(n, context));
  const bytes = quick ? QUICK_COPY_BYTES : COPY_BYTES;
  const copy = summarise(await measureCopy(bytes, { threads, runs }));
  return { gemm, copy: { bytes, bytesPerSecond: (2 * bytes) / copy.median, ours: copy }, sgemm: bestOf(gemm) };
}

/** The largest product again, at the end of a run: by how much the machine itself has changed meanwhile. */
async function measureAgain(context, before) {
  const gemm = [await measureProduct(before.sgemm.n, context)];
  return { gemm, sgemm: bestOf(gemm) };
}

module.exports = { measure, measureAgain };
