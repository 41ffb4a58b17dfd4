const { duration, rate, ratio, time, times } = require('./table.cjs');

/** The peer's time for one task: as measured, else summed from its convolutions. */
const peerOfOne = ({ batches, summed }) => batches[0].peer ?? summed?.peer;

function tables(result, { name }) {
  const { flop, parameterBytes, batches, summed = {}, peerLeftOut, tolerance } = result;
  const reference = peerOfOne(result);
  const rows = batches.map((row) => {
    const others = row.batch === 1 ? { ...summed, ...row } : row;
    const perTask = row.ours && { ...row.ours, median: row.ours.median / row.batch };
    return [
      row.batch,
      `${(row.workspaceBytes / 1e9).toFixed(2)} GB`,
      time(row.ours),
      perTask ? duration(perTask.median) : null,
      rate(flop, perTask),
      time(others.direct),
      time(others.peer),
      ratio(perTask, reference),
      others.direct && perTask ? times(others.direct.median / row.batch / perTask.median) : null,
    ];
  });
  const errors = batches.flatMap(({ relativeErrors = {} }) => Object.values(relativeErrors));
  const rivals = Object.keys(batches[0].relativeErrors ?? {}).join(' and ');
  return [
    {
      title: `decoder forward, ${name}: ${(flop / 1e12).toPrecision(3)} TFLOP a task directly, ${(parameterBytes / 1e9).toFixed(2)} GB of parameters`,
      headings: [
        'tasks',
        'workspace',
        'ours',
        'per task',
        'GFLOP/s',
        'ours direct',
        'peer',
        'per task, to the peer’s one',
        'to ours direct',
      ],
      rows,
      notes: [
        ...batches.filter((row) => row.leftOut).map((row) => `batch ${row.batch} skipped: ${row.leftOut}`),
        ...(peerLeftOut ? [`the peer did not run the whole decoder: ${peerLeftOut}`] : []),
        ...(Object.keys(summed).length > 0
          ? ['Σ: extrapolated as the sum of the convolutions above, each measured alone on random data']
          : []),
        ...(errors.length > 0
          ? [
              `same weights, same condition: ${Math.max(...errors).toExponential(1)} relative to ${rivals} (≤ ${tolerance})`,
            ]
          : []),
      ],
    },
  ];
}

module.exports = { peerOfOne, tables };
