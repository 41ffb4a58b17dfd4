/** Median and spread of several runs, in seconds. */
function summarise(seconds) {
  const sorted = [...seconds].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1), runs: seconds };
}

/**
 * Measures rivals in turn, so that whatever else the machine does meets them all alike.
 * A rival's first run is thrown away as a warm-up, unless it is so long that warming up no longer matters.
 * @param {Record<string, () => Promise<number>>} rivals each resolves to the seconds of one run
 * @param {number} runs
 * @returns {Promise<Record<string, { median: number, min: number, max: number, runs: number[] }>>}
 */
async function alternate(rivals, runs) {
  const seconds = Object.fromEntries(Object.keys(rivals).map((name) => [name, []]));
  for (const [name, run] of Object.entries(rivals)) {
    const first = await run();
    if (first > WARM_UP_BELOW_SECONDS) seconds[name].push(first);
  }
  for (let round = 0; round < runs; round++) {
    for (const [name, run] of Object.entries(rivals)) {
      if (seconds[name].length < runs) seconds[name].push(await run());
    }
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, summarise(all)]));
}

const WARM_UP_BELOW_SECONDS = 5;

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

module.exports = { alternate, quantile, relativeError, summarise };
