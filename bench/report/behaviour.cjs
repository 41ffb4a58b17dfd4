const { ratio, time } = require('./table.cjs');

function tables(result) {
  if (result.skipped) return [];
  const { tasks, sequences, length, parameters, variant, lossError, tolerance, ours, half, peer } = result;
  const notes =
    variant === undefined
      ? []
      : [
          `the peer in ${variant}, the fastest of its variants; same weights and batch, the first loss differs by ${lossError.toExponential(1)} (≤ ${tolerance})`,
          'random ids: no sequences of a task begin with the same tokens, which ours would compute once and the peer in each',
        ];
  return [
    {
      title:
        'behaviour step: adapters generated, each on its own sequences of a frozen 135M Llama; loss, backward, AdamW',
      headings: [
        'trained parameters',
        'tasks × sequences × tokens',
        'ours',
        'ours, bf16 base',
        'peer',
        'ratio',
        'ratio, bf16',
      ],
      rows: [
        [
          `${(parameters / 1e6).toFixed(1)} M`,
          `${tasks} × ${sequences} × ${length}`,
          time(ours),
          time(half),
          time(peer),
          ratio(ours, peer),
          ratio(half, peer),
        ],
      ],
      notes,
    },
  ];
}

module.exports = { tables };
