const { percent, rate, ratio, time } = require('./table.cjs');

/** Our rate over whole sequences as a fraction of the machine's sgemm peak; NaN without one. */
const peakFraction = ({ flop, ours }, { peak }) => flop / ours.median / (peak?.sgemm.flopPerSecond ?? Number.NaN);

function tables(result, results) {
  const { model, prompts, length, tokens, flop, ours, oursZeroPadding, peer, relativeError, tolerance } = result;
  const fraction = percent(peakFraction(result, results));
  return [
    {
      title: `encoder: ${model}, ${prompts} prompts × ${length} positions, ${tokens} of them tokens`,
      headings: ['', 'ours', 'GFLOP/s', 'of peak', 'peer', 'GFLOP/s', 'ratio'],
      rows: [
        ['padding encoded', time(ours), rate(flop, ours), fraction, time(peer), rate(flop, peer), ratio(ours, peer)],
        ['padding zero', time(oursZeroPadding), null, null, null, null, ratio(oursZeroPadding, peer)],
      ],
      notes:
        relativeError === undefined
          ? []
          : [
              `same weights, same ids: hidden states differ by ${relativeError.toExponential(1)} relative (≤ ${tolerance})`,
            ],
    },
  ];
}

module.exports = { peakFraction, tables };
