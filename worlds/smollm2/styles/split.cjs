/** One combination in so many is held out. */
const HELD_OUT = 3;

/**
 * Which tasks are held out, and why. Of `a`, `b` and `c` values of the attributes:
 * - `combinations`: a third of the combinations, by a Latin square. Every value and every pair of values is trained on,
 *   the combination of the three is not.
 * - `pairs`: for each format one closing, in every domain, so that the two are never seen together; and one whole domain.
 *   Every format, closing and other domain is trained on.
 * @param random decides which; as SplitMix64, with `sample(limit, count)`
 * @param {'combinations' | 'pairs'} kind
 * @param {[number, number, number]} counts of domains, formats and closings; at least two each
 * @returns {(domain: number, format: number, closing: number) => string | null} of a task, by places of its attributes:
 *   null if it is trained on, otherwise what is unseen: `combination`, `pair`, `domain`, or `pair and domain`
 */
function makeSplit(random, kind, counts) {
  const [domains, formats, closings] = counts.map((count) => random.sample(count, count));
  if (kind === 'combinations') {
    return (domain, format, closing) =>
      (domains[domain] + formats[format] + closings[closing]) % HELD_OUT === HELD_OUT - 1 ? 'combination' : null;
  }
  return (domain, format, closing) => {
    const unseen = [];
    if (closings[closing] === formats[format] % closings.length) unseen.push('pair');
    if (domains[domain] === 0) unseen.push('domain');
    return unseen.length === 0 ? null : unseen.join(' and ');
  };
}

module.exports = { makeSplit };
