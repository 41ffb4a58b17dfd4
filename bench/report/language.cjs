const { ratio, time } = require('./table.cjs');

const perSecond = (figure, tokens) => (figure ? (tokens / figure.median).toPrecision(3) : null);

function stepTable({ models, tolerance }) {
  return {
    title:
      'LoRA fine-tuning step: forward, backward, clipping and AdamW; all seven modules; logits where there are labels',
    headings: ['', 'parameters', 'batch', 'labels', 'ours', 'ours, bf16 base', 'peer', 'ratio', 'ratio, bf16'],
    rows: models.map(({ name, parameters, batch, length, labelled, ours, half, peer }) => [
      name,
      `${(parameters / 1e6).toFixed(1)} M`,
      `${batch}×${length}`,
      labelled,
      time(ours),
      time(half),
      time(peer),
      ratio(ours, peer),
      ratio(half, peer),
    ]),
    notes: models.flatMap(({ name, variant, lossError }) =>
      variant === undefined
        ? []
        : [
            `${name}: the peer in ${variant}, the faster of its variants; same weights and batch, the first loss differs by ${lossError.toExponential(1)} (≤ ${tolerance})`,
          ],
    ),
  };
}

function decodingTable({ models, llamaCpp }) {
  return {
    title: 'greedy decoding with a key–value cache, tokens per second of all sequences together',
    headings: ['', 'sequences', 'ours', 'ours, bf16 file', 'peer', 'ratio', 'ratio, bf16 file', 'llama.cpp', 'ratio'],
    rows: models.flatMap(({ name, decoding }) =>
      decoding.map(({ sequences, tokens, ours, oursStored, peer, llamaCpp: other }) => [
        name,
        sequences,
        perSecond(ours, sequences * tokens),
        perSecond(oursStored, sequences * tokens),
        perSecond(peer, sequences * tokens),
        ratio(ours, peer),
        ratio(oursStored, peer),
        perSecond(other, sequences * tokens),
        ratio(ours, other),
      ]),
    ),
    notes: [
      'bf16 file: the weights mapped from a file in bfloat16, products in float32; the peer as in the step above',
      ...(llamaCpp?.version
        ? [`llama.cpp: node-llama-cpp ${llamaCpp.version}; the same weights and cache, in float32`]
        : []),
      ...(llamaCpp?.missing ? [llamaCpp.missing] : []),
    ],
  };
}

const tables = (result) => [stepTable(result), decodingTable(result)];

module.exports = { tables };
