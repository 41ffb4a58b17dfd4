const { settingsNote } = require('./peer-settings.cjs');
const { percent, rate, ratio, time } = require('./table.cjs');

/** Our rate over whole sequences as a fraction of the machine's sgemm peak; NaN without one. */
const peakFraction = ({ flop, ours }, { peak }) => flop / ours.median / (peak?.sgemm.flopPerSecond ?? Number.NaN);

function tables(result, results) {
  const { model, prompts, length, tokens, flop, ours, oursZeroPadding, oursBfloat16, peer, peerBfloat16 } = result;
  const { relativeError, relativeErrors = {}, tolerance, peerSettings } = result;
  const fraction = percent(peakFraction(result, results));
  return [
    {
      title: `encoder: ${model}, ${prompts} prompts × ${length} positions, ${tokens} of them tokens`,
      headings: ['', 'ours', 'GFLOP/s', 'of peak', 'peer', 'GFLOP/s', 'ratio'],
      rows: [
        ['padding encoded', time(ours), rate(flop, ours), fraction, time(peer), rate(flop, peer), ratio(ours, peer)],
        ['padding zero', time(oursZeroPadding), null, null, null, null, ratio(oursZeroPadding, peer)],
        ...(oursBfloat16
          ? [
              [
                'padding encoded, bfloat16 operands',
                ...[time(oursBfloat16), rate(flop, oursBfloat16), null],
                ...[time(peerBfloat16), rate(flop, peerBfloat16), ratio(oursBfloat16, peerBfloat16)],
              ],
            ]
          : []),
      ],
      notes: [
        ...(relativeError === undefined
          ? []
          : [
              `same weights, same ids: hidden states differ by ${relativeError.toExponential(1)} relative (≤ ${tolerance})`,
            ]),
        ...settingsNote(peerSettings?.peer),
        ...(relativeErrors.oursBfloat16 === undefined
          ? []
          : [
              `bfloat16: errors relative to ours in float32: ours ${relativeErrors.oursBfloat16.toExponential(1)}${relativeErrors.peerBfloat16 === undefined ? '' : `, the peer’s ${relativeErrors.peerBfloat16.toExponential(1)}`}`,
            ]),
        ...settingsNote(peerSettings?.peerBfloat16),
      ],
    },
  ];
}

module.exports = { peakFraction, tables };
