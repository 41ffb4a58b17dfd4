const { performance } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const { TrainerEngine } = require('../../../dist/engine/index.js');

/** As the published recipe has it, but at a constant rate. */
const RECIPE = { learningRate: 3e-5, weightDecay: 0.1, maxGradientNorm: 1 };
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const SEED = 0;
/** PyTorch's threads spin for a while when their work is over; whoever comes next shall not share the cores with them. */
const SETTLE_MS = 30;

const sum = (sums, key) => sums.reduce((total, task) => total + task[key], 0);
const lossOf = (sums) => sum(sums, 'weightedSquares') / sum(sums, 'valid');

async function seconds(work) {
  const began = performance.now();
  const result = await work();
  return [result, (performance.now() - began) / 1000];
}

/** This package: a decoder in training that begins with the weights of SEED. */
class OwnTraining {
  /** @param {'fp32' | '8bit'} moments */
  static async create({ features, kernelSize }, { threads, moments }) {
    const { weightDecay, maxGradientNorm } = RECIPE;
    const optimiser = { ...ADAM, weightDecay, maxGradientNorm, moments };
    const engine = await TrainerEngine.create({ features, kernelSize, threads, optimiser });
    try {
      await engine.initialise(SEED);
    } catch (error) {
      engine.dispose();
      throw error;
    }
    return new OwnTraining(engine);
  }

  constructor(engine) {
    this.engine = engine;
    this.steps = [];
  }

  /** One whole step. @returns its seconds; what it found is in `steps` */
  async step(batch) {
    const [sums, gradient] = await seconds(() => this.engine.accumulate(batch));
    const [gradientNorm, update] = await seconds(() => this.engine.update(RECIPE.learningRate));
    this.steps.push({ loss: lossOf(sums), gradientNorm, gradient, update });
    return gradient + update;
  }

  async forward(batch) {
    return (await seconds(() => this.engine.forward(batch.condition, batch.batch)))[1];
  }

  dispose() {
    this.engine.dispose();
  }
}

/** The same in PyTorch (bench/training_peer.py), one of several in the peer's process. */
class PeerTraining {
  /**
   * @param {{ name: string, weights: string, batch: object, precision: 'fp32' | 'bf16', variant: string }} about `name`: in
   *   that process; `batch`: the request that names its files
   */
  static async create(peer, { features, kernelSize }, { name, weights, batch, precision, variant }) {
    await peer.ask('load', { name, features, kernelSize, weights, precision, variant, ...RECIPE });
    await peer.ask('batch', { name, ...batch });
    return new PeerTraining(peer, name);
  }

  constructor(peer, name) {
    this.peer = peer;
    this.name = name;
    this.steps = [];
  }

  async step() {
    const { seconds, ...found } = await this.peer.ask('step', { name: this.name });
    this.steps.push(found);
    await sleep(SETTLE_MS);
    return seconds;
  }

  async forward() {
    const { seconds } = await this.peer.ask('forward', { name: this.name });
    await sleep(SETTLE_MS);
    return seconds;
  }
}

module.exports = { OwnTraining, PeerTraining };
