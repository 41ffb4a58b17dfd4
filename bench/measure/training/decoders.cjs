const { configuration, flopOfDecoder } = require('../../shapes.cjs');

/** The shapes in config.json of a base model whose adapters are a decoder's weight tokens. */
const base = (hidden, heads, intermediate, layers) => ({
  model_type: 'qwen2',
  hidden_size: hidden,
  num_attention_heads: heads,
  num_key_value_heads: heads,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
});

const { features, kernelSize, rank, base: smallBase } = configuration('quick');

/** By growing number of parameters; those with a base train on pairs too, for the data path. */
const DECODERS = [
  { name: 'small', features, kernelSize, rank, base: smallBase, batches: [1, 2, 4, 8, 16] },
  {
    name: 'between',
    features: [
      [32, 64, 96],
      [64, 32, 96],
      [128, 16, 98],
      [256, 10, 98],
    ],
    kernelSize: 9,
    batches: [8],
  },
  {
    name: 'middle',
    features: [
      [64, 96, 128],
      [128, 50, 100],
      [256, 25, 100],
      [512, 10, 130],
    ],
    kernelSize: 9,
    rank: 8,
    chunk: 128,
    base: base(256, 4, 1792, 8),
    batches: [1, 2, 4, 8, 16],
  },
  {
    name: 'above',
    features: [
      [128, 128, 128],
      [256, 64, 128],
      [512, 25, 128],
      [1024, 10, 130],
    ],
    kernelSize: 9,
    batches: [8],
  },
];

/** For --quick: does the benchmark work? */
const TINY = {
  name: 'tiny',
  features: [
    [8, 8, 24],
    [12, 6, 24],
    [17, 4, 66],
  ],
  kernelSize: 5,
  rank: 2,
  base: base(64, 2, 128, 1),
  batches: [1, 8],
};

/** The batch of the marks, of memory and of the data path. */
const BATCH = 8;

const decodersOf = (quick) =>
  (quick ? [TINY] : DECODERS).map((decoder) => ({ ...decoder, flop: flopOfDecoder(decoder) }));

module.exports = { BATCH, decodersOf };
