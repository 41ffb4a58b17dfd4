const { summarise } = require('../../statistics.cjs');

const MATRIX = { full: 8192, quick: 512 };
const ENOUGH_SECONDS = 5;

/**
 * What the device itself can do, in this run: the best matrix product (ours, PyTorch's in fp16) and PyTorch's copy of
 * gigabytes; fractions are of these. Without a peer there is no copy.
 */
async function measure({ engine, device, peer, runs, quick, precision }) {
  const n = MATRIX[quick ? 'quick' : 'full'];
  const limits = { runs, enoughSeconds: ENOUGH_SECONDS };
  const ours = summarise(await engine.measureGemm(n, { device: device.use, ...limits }));
  const product = { n, flop: 2 * n ** 3, ours };
  if (!peer) return { product, flopPerSecond: product.flop / ours.median, by: 'ours', bytesPerSecond: null };
  const theirs = await peer.ask('peaks', { n, precision, ...limits });
  product.peer = summarise(theirs.product);
  const copy = summarise(theirs.copy);
  const ofPeer = product.peer.median < ours.median;
  return {
    product,
    flopPerSecond: product.flop / Math.min(product.peer.median, ours.median),
    by: ofPeer ? 'torch.mm' : 'ours',
    copy: { bytes: theirs.copyBytes, peer: copy },
    bytesPerSecond: (2 * theirs.copyBytes) / copy.median, // read and written
  };
}

module.exports = { measure };
