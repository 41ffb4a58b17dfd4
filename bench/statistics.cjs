/** A first run that takes longer counts: warming up no longer matters, and another would cost too much. */
const WARM_UP_SECONDS = 5;

/**
 * Several runs as a figure: their median and spread, in seconds.
 * @typedef {{ median: number, min: number, max: number, runs: number[] }} Figure `runs` is empty for a sum of figures
 * @param {number[]} seconds
 * @returns {Figure}
 */
function summarise(seconds) {
  const sorted = [...seconds].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1), runs: seconds };
}

/**
 * Measures rivals in turn, so that whatever else the machine does meets them all alike.
 * @param {Record<string, () => Promise<number>>} rivals each resolves to the seconds of one run
 * @param {{ runs: number, enoughSeconds?: number }} limits no further run of a rival begins once its runs have taken
 *   `enoughSeconds` together
 * @returns {Promise<Record<string, Figure>>}
 */
async function alternate(rivals, { runs, enoughSeconds = Number.POSITIVE_INFINITY }) {
  const seconds = Object.fromEntries(Object.keys(rivals).map((name) => [name, []]));
  for (const [name, run] of Object.entries(rivals)) {
    const first = await run();
    if (first > WARM_UP_SECONDS) seconds[name].push(first);
  }
  for (let round = 0; round < runs; round++) {
    for (const [name, run] of Object.entries(rivals)) {
      const done = seconds[name];
      const enough = done.length >= runs || (done.length > 0 && sum(done) >= enoughSeconds);
      if (!enough) done.push(await run());
    }
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, summarise(all)]));
}

/**
 * What work would take that consists of measured parts: the sum of their medians, and of their extremes.
 * @param {{ figure: Figure, count: number }[]} parts
 * @returns {Figure & { summed: number }}
 */
function sumOf(parts) {
  const of = (key) => sum(parts.map(({ figure, count }) => count * figure[key]));
  const summed = sum(parts.map(({ count }) => count));
  return { median: of('median'), min: of('min'), max: of('max'), runs: [], summed };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Value at fraction `q` of the sorted values, by linear interpolation. */
function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

/** ‖ours − theirs‖ / ‖theirs‖ */
function relativeError(ours, theirs) {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < theirs.length; i++) {
    difference += (ours[i] - theirs[i]) ** 2;
    norm += theirs[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

module.exports = { alternate, quantile, relativeError, sum, summarise, sumOf, WARM_UP_SECONDS };
