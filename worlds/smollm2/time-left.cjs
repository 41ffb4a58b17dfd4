/** Less than this, in estimated seconds, says nothing of how fast a machine is. */
const LEAST_EVIDENCE = 60;

/**
 * How long a build takes from here, by rough estimates, corrected by what the stages took that are done.
 * @param {{ estimate: number, seconds: number, done: boolean }[]} stages what each is estimated to take on two cores, and
 *   what was spent on it, both in seconds; 0 for one that was done elsewhere
 * @returns {number} seconds, at least 0
 */
function secondsLeft(stages) {
  const sum = (list, number) => list.reduce((total, one) => total + number(one), 0);
  const known = stages.filter(({ done, seconds }) => done && seconds > 0);
  const expected = sum(known, ({ estimate }) => estimate);
  const pace = expected < LEAST_EVIDENCE ? 1 : sum(known, ({ seconds }) => seconds) / expected;
  const left = stages.filter(({ done }) => !done);
  return sum(left, ({ estimate, seconds }) => Math.max(0, estimate * pace - seconds));
}

module.exports = { secondsLeft };
