const { settingsNote } = require('./peer-settings.cjs');
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
  const rivals = Object.keys(batches[0].relativeErrors ?? {}).filter((name) => !name.endsWith('Bfloat16'));
  const errors = batches.flatMap(({ relativeErrors = {} }) => rivals.flatMap((name) => relativeErrors[name] ?? []));
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
              `same weights, same condition: ${Math.max(...errors).toExponential(1)} relative to ${rivals.join(' and ')} (≤ ${tolerance})`,
            ]
          : []),
        ...settingsNote(result.peerSettings?.peer),
      ],
    },
    ...(batches.some(({ oursBfloat16 }) => oursBfloat16) ? [bfloat16Table(result, name)] : []),
  ];
}

/** The same with bfloat16 operands. */
function bfloat16Table({ batches, peerSettings }, name) {
  const reference = batches[0].peerBfloat16;
  const error = (row, rival) => row.relativeErrors?.[rival]?.toExponential(1) ?? null;
  return {
    title: `decoder forward, ${name}, bfloat16 operands`,
    headings: [
      'tasks',
      'ours',
      'per task',
      'to ours in float32',
      'peer',
      'per task, to the peer’s one',
      'our error',
      'its error',
    ],
    rows: batches.map((row) => {
      const perTask = row.oursBfloat16 && { ...row.oursBfloat16, median: row.oursBfloat16.median / row.batch };
      return [
        row.batch,
        time(row.oursBfloat16),
        perTask ? duration(perTask.median) : null,
        row.oursBfloat16 && row.ours ? times(row.ours.median / row.oursBfloat16.median) : null,
        time(row.peerBfloat16),
        ratio(perTask, reference),
        error(row, 'oursBfloat16'),
        error(row, 'peerBfloat16'),
      ];
    }),
    notes: ['errors: relative to our output in float32', ...settingsNote(peerSettings?.peerBfloat16)],
  };
}

module.exports = { peerOfOne, tables };
