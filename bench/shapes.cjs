const { PRESETS } = require('../dist/generator/presets.js');

/** What is measured unless a preset is asked for: the shapes of a 0.5B decoder, in small, for a base that fits them. */
const QUICK = {
  rank: 4,
  base: {
    model_type: 'qwen2',
    hidden_size: 128,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 256,
    num_hidden_layers: 3,
  },
  features: [
    [16, 32, 48],
    [24, 16, 64],
    [48, 10, 64],
    [96, 6, 66],
  ],
  kernelSize: 9,
  maxLength: 32,
};

/** The shapes in config.json of each preset's base model. */
const qwen = (hidden, heads, keyValueHeads, intermediate, layers) => ({
  model_type: 'qwen2',
  hidden_size: hidden,
  num_attention_heads: heads,
  num_key_value_heads: keyValueHeads,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
});
const QWEN_7B = qwen(3584, 28, 4, 18944, 28);
const QWEN_1_5B = qwen(1536, 12, 2, 8960, 28);
const BASES = {
  'qwen2.5-0.5b-common-sense': qwen(896, 14, 2, 4864, 24),
  'qwen2.5-1.5b-coding': QWEN_1_5B,
  'qwen2.5-1.5b-math': QWEN_1_5B,
  'qwen2.5-7b-math': QWEN_7B,
  'qwen2.5-7b-coding': QWEN_7B,
  'qwen2.5-vl-3b-multimodal': qwen(2048, 16, 2, 11008, 36),
};

const PUBLISHED = Object.keys(PRESETS);
const CONFIGURATION_NAMES = ['quick', ...PUBLISHED];

/** One of CONFIGURATION_NAMES: features, kernelSize, projectedFrom (0: no length projection), maxLength, rank, base. */
function configuration(name) {
  const found = name === 'quick' ? QUICK : { ...PRESETS[name], base: BASES[name] };
  const { maxLength, features } = found;
  return {
    ...found,
    name,
    preset: name === 'quick' ? undefined : name,
    projectedFrom: maxLength > features[0][1] ? maxLength : 0,
  };
}

/** Whether two configurations differ in their length projection at most. */
function sameDecoder(one, other) {
  const shapeOf = ({ features, kernelSize }) => JSON.stringify([features, kernelSize]);
  return shapeOf(one) === shapeOf(other);
}

/** Multiply-adds × 2 of one axis of the picture: taps that fall on padding are skipped. */
function taps(length, kernelSize) {
  const half = kernelSize >> 1;
  let count = 0;
  for (let i = 0; i < length; i++) count += Math.min(length - 1, i + half) - Math.max(0, i - half) + 1;
  return count;
}

/** The five convolutions of each layer, with the floating-point operations of one task. */
function convolutionsOf({ features, kernelSize }) {
  return features.slice(1).flatMap(([n2, h2, w2], layer) => {
    const [n, h, w] = features[layer];
    const all = [
      { weight: 'conv1w', axis: 'width', tokens: n, height: h, width: w, outputChannels: w2 },
      { weight: 'conv1h', axis: 'height', tokens: n, height: h, width: w2, outputChannels: h2 },
      { weight: 'conv2h', axis: 'height', tokens: n, height: h, width: w, outputChannels: h2 },
      { weight: 'conv2w', axis: 'width', tokens: n, height: h2, width: w, outputChannels: w2 },
      { weight: 'linear2', axis: 'token', tokens: n, height: h2, width: w2, outputChannels: n2 },
    ];
    return all.map(({ weight, ...shape }) => ({
      name: `${layer} ${weight}`,
      shape: { ...shape, kernelSize },
      flop: flopOf(shape, kernelSize),
    }));
  });
}

/** Each shape once: under the name of the first that has it, with the number of those that do. */
function distinctConvolutions(configuration) {
  const found = new Map();
  for (const convolution of convolutionsOf(configuration)) {
    const key = JSON.stringify(convolution.shape);
    const known = found.get(key);
    if (known) known.count++;
    else found.set(key, { ...convolution, count: 1 });
  }
  return [...found.values()];
}

/** Bytes of a convolution's float32 tensors. */
function tensorBytes({ axis, tokens, height, width, outputChannels, kernelSize }, batch) {
  const channels = { width, height, token: tokens }[axis];
  const picture = (tokens * height * width) / channels;
  const weights = 4 * channels * outputChannels * kernelSize ** 2;
  return { weights, data: 4 * batch * picture * (channels + outputChannels) };
}

function flopOf({ axis, tokens, height, width, outputChannels }, kernelSize) {
  const [channels, i, j] = {
    width: [width, height, tokens],
    height: [height, tokens, width],
    token: [tokens, height, width],
  }[axis];
  return 2 * channels * outputChannels * taps(i, kernelSize) * taps(j, kernelSize);
}

const flopOfDecoder = (configuration) => convolutionsOf(configuration).reduce((total, { flop }) => total + flop, 0);

module.exports = {
  CONFIGURATION_NAMES,
  configuration,
  distinctConvolutions,
  flopOfDecoder,
  PUBLISHED,
  sameDecoder,
  tensorBytes,
};
