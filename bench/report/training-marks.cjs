const { growthOf, markedBatch } = require('./training.cjs');

/** How many times as fast as PyTorch in float32 a whole training step at batch 8 has to be. */
const STEP = { small: 5.5, middle: 12 };
/** Of the peer's peak memory to ours: below the peer's. */
const MEMORY = 1;
/** Of a step: most that may go into waiting for data. */
const DATA = 0.05;

const find = (list, name) => list?.find((each) => each.name === name);

/** @param add as bench/report/marks.cjs has it: (name, unit, asked, measured, { how, most }) */
function addTrainingMarks({ training }, add) {
  for (const [decoder, asked] of Object.entries(STEP)) {
    const label = `training step, ${decoder} decoder, batch 8`;
    const row = training && markedBatch(find(training.decoders, decoder), training);
    add(`${label}: times the peer`, '×', asked, row?.peer?.median / row?.ours.median);
    const { ours, peer } = find(training?.memory, decoder) ?? {};
    add(`${label}: the peer’s peak memory to ours`, '×', MEMORY, peer?.peakBytes / ours?.peakBytes);
    add(`${label}: the same, above idle processes`, '×', MEMORY, growthOf(peer) / growthOf(ours));
    add(`${label}: waiting for data`, '%', DATA, find(training?.data, decoder)?.share, { most: true });
  }
}

module.exports = { addTrainingMarks };
