const { setTimeout: sleep } = require('node:timers/promises');

/** A variant whose first step takes so many times as long as the best one's is not tried further. */
const HOPELESS = 3;
/** PyTorch's threads spin for a while when their work is over. */
const SETTLE_MS = 30;

/** A Python peer of a training step, in one of the ways in which it can run the same model. */
class Variant {
  constructor(peer, name) {
    Object.assign(this, { peer, name });
  }

  /** Seconds of a request. */
  async seconds(command, request) {
    const { seconds, loss } = await this.peer.ask(command, request);
    this.firstLoss ??= loss;
    await sleep(SETTLE_MS);
    return seconds;
  }

  step() {
    return this.seconds('step');
  }
}

/**
 * The peer in the variant in which its step is fastest, and its loss of the first step in float32.
 * @param {{ what: string, peer: import('../peer.cjs').Peer, variants: string[], load: (variant: string) => Promise<void>,
 *   progress: (line: string) => void }} about `load`: makes the peer run that variant, from the same weights
 */
async function fastestVariant({ what, peer, variants, load, progress }) {
  let best;
  let firstLoss;
  for (const name of variants) {
    await load(name);
    const one = new Variant(peer, name);
    const first = await one.step(); // a new optimiser makes its states in it
    const hopeless = best !== undefined && first > HOPELESS * best.taken;
    const taken = hopeless ? first : Math.min(await one.step(), await one.step());
    progress(`${what}, the peer ${name}: ${taken.toFixed(3)} s a step`);
    if (name === 'float32') firstLoss = one.firstLoss;
    if (best === undefined || taken < best.taken) best = { name, taken };
  }
  await load(best.name);
  const chosen = new Variant(peer, best.name);
  await chosen.step();
  chosen.firstLoss = firstLoss;
  return chosen;
}

module.exports = { fastestVariant };
