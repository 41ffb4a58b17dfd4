const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { AdapterLayout, baseModelFromConfig, ResidualStatistics } = require('../../dist/adapter/index.js');
const { CausalEngine, cpuInfo, TrainerEngine } = require('../../dist/engine/index.js');
const { causalConfigFromJson } = require('../../dist/language/index.js');
const { Behaviour } = require('../../dist/training/behaviour/behaviour.js');
const { Peer } = require('../peer.cjs');
const { normals } = require('../random.cjs');
const { alternate } = require('../statistics.cjs');
const { writeParameters } = require('./decoder.cjs');
const { fastestVariant } = require('./variants.cjs');

/** SmolLM2-135M, and the generator of worlds/smollm2. */
const CONFIG = {
  ...{ model_type: 'llama', hidden_act: 'silu', rms_norm_eps: 1e-5, tie_word_embeddings: true },
  ...{ hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, vocab_size: 49152 },
  ...{ num_attention_heads: 9, num_key_value_heads: 3, head_dim: 64, max_position_embeddings: 2048 },
};
const FEATURES = [
  [16, 24, 384],
  [32, 12, 96],
  [96, 8, 144],
  [810, 4, 192],
];
const KERNEL_SIZE = 5;
const ADAPTER = { rank: 4, modules: ['q_proj', 'v_proj', 'o_proj', 'down_proj'] };
const SCALE = 2;
const [TASKS, SEQUENCES, LENGTH, LABELLED] = [4, 4, 40, 13];
const MEAN_DEVIATION = 0.02;
const TOKEN_SCALE = 0.005;
const LEARNING_RATE = 1e-3;
const IGNORED = -100;
const TOLERANCE = 1e-4;
const ENOUGH_SECONDS = 90;

/** A step of the behaviour loss: generated adapters on the frozen base, its loss back to the decoder; beside PyTorch. */
async function measure({ peer: wanted, quick, threads, runs, scratch, progress }) {
  if (quick) return { skipped: true };
  const { peer, about } = wanted ? await Peer.start(threads, 'behaviour_peer.py') : { peer: null, about: {} };
  if (wanted && !peer) throw new Error(about.missing);
  const own = await Own.create(threads, 'fp32');
  const half = cpuInfo().bfloat16 ? await Own.create(threads, 'bf16') : undefined;
  try {
    const best = peer ? await fastestPeer(own, { peer, variants: about.variants, scratch, progress }) : undefined;
    const figures = await alternate(
      { ours: () => own.step(), ...(half && { half: () => half.step() }), ...(best && { peer: () => best.step() }) },
      { runs, enoughSeconds: ENOUGH_SECONDS },
    );
    const lossError = best ? Math.abs(own.losses[0] - best.firstLoss) / best.firstLoss : null;
    const wrong = lossError > TOLERANCE ? [`behaviour: losses differ by ${lossError}, over ${TOLERANCE}`] : [];
    const sizes = { tasks: TASKS, sequences: SEQUENCES, length: LENGTH, parameters: own.trainer.parameterBytes / 4 };
    return { ...sizes, variant: best?.name, ...figures, lossError, tolerance: TOLERANCE, wrong };
  } finally {
    own.dispose();
    half?.dispose();
    await peer?.stop();
  }
}

class Own {
  /** @param {'fp32' | 'bf16'} precision of the frozen base's products */
  static async create(threads, precision) {
    const config = causalConfigFromJson(CONFIG, 'the benchmark');
    const engine = await CausalEngine.create({ ...config.sizes, threads, precision });
    await engine.initialise(0, 0.02);
    const trainer = await TrainerEngine.create({
      features: FEATURES,
      kernelSize: KERNEL_SIZE,
      outputGradients: true,
      optimiser: { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, maxGradientNorm: 1, moments: 'fp32' },
      threads,
    });
    await trainer.initialise(0);
    return new Own(engine, trainer, threads);
  }

  constructor(engine, trainer, threads) {
    const base = baseModelFromConfig(CONFIG, 'the benchmark');
    const chunk = FEATURES.at(-1)[2];
    const layout = new AdapterLayout({ base, ...ADAPTER, chunk, normalisation: 'residual' });
    const mean = Float32Array.from(normals(layout.elementCount, 2), (value) => MEAN_DEVIATION * value);
    const scales = new Float32Array(layout.tokenCount).fill(TOKEN_SCALE);
    this.layout = layout.withResidual(new ResidualStatistics(mean, scales));
    this.engine = engine;
    this.trainer = trainer;
    this.behaviour = new Behaviour({
      model: { engine, dispose: () => engine.dispose() },
      layout: this.layout,
      adapter: { ...ADAPTER, alpha: SCALE * ADAPTER.rank, useRslora: false },
      examples: new Map(),
      threads,
    });
    const [prompts, length, channels] = FEATURES[0];
    this.condition = normals(TASKS * prompts * length * channels, 3);
    const numbers = normals(TASKS * SEQUENCES * LENGTH, 4);
    this.ids = Int32Array.from(numbers, (value) => Math.floor(Math.abs(value) * 1e6) % CONFIG.vocab_size);
    this.labels = this.ids.map((id, index) => (index % LENGTH < LENGTH - LABELLED ? IGNORED : id));
    this.sequences = Array.from({ length: TASKS }, (_, task) =>
      Array.from({ length: SEQUENCES }, (_, index) => {
        const first = (task * SEQUENCES + index) * LENGTH;
        const [ids, labels] = [this.ids, this.labels].map((all) => all.slice(first, first + LENGTH));
        return { ids, labels, labelled: LABELLED };
      }),
    );
    this.losses = [];
  }

  async step() {
    const began = performance.now();
    const tokens = await this.trainer.forward(this.condition, TASKS);
    const { sums, outputGradient } = await this.behaviour.gradient(tokens, this.sequences, { weight: 1 / TASKS });
    await this.trainer.accumulate({ condition: this.condition, outputGradient, batch: TASKS });
    await this.trainer.update(LEARNING_RATE);
    const taken = (performance.now() - began) / 1000;
    this.losses.push(sums.reduce((total, one) => total + one.sum / one.tokens, 0) / TASKS);
    return taken;
  }

  dispose() {
    this.trainer.dispose();
    this.behaviour.dispose();
  }
}

/** The peer on the same weights and batch, in its fastest variant. */
async function fastestPeer(own, { peer, variants, scratch, progress }) {
  const file = (name) => join(scratch, `behaviour-${name}`);
  await writeParameters(own.engine, file('base.safetensors'));
  await writeParameters(own.trainer, file('decoder.safetensors'));
  await writeFile(file('mean.f32'), own.layout.residual.mean);
  await writeFile(file('condition.f32'), own.condition);
  await writeFile(file('ids.i32'), own.ids);
  await writeFile(file('labels.i32'), own.labels);
  const tensors = own.layout.tensors.map(({ name, part, shape, firstToken, tokenCount, offset }) => ({
    module: name.replace(/^base_model\.model\./, '').replace(/\.lora_[AB]\.weight$/, ''),
    ...{ part, firstToken, tokenCount, offset },
    length: part === 'A' ? shape[1] : shape[0],
  }));
  const load = async (variant) => {
    await peer.ask('load', {
      ...{ variant, config: CONFIG, features: FEATURES, kernelSize: KERNEL_SIZE, learningRate: LEARNING_RATE },
      ...{ rank: ADAPTER.rank, scale: SCALE, tokenScale: TOKEN_SCALE, tensors },
      ...{ weights: file('base.safetensors'), decoder: file('decoder.safetensors'), mean: file('mean.f32') },
    });
    await peer.ask('batch', {
      ...{ ids: file('ids.i32'), labels: file('labels.i32'), shape: [TASKS * SEQUENCES, LENGTH] },
      ...{ condition: file('condition.f32'), conditionShape: [TASKS, ...FEATURES[0]] },
    });
  };
  return fastestVariant({ what: 'behaviour', peer, variants, load, progress });
}

module.exports = { measure };
