const { mayShip } = require('../licences.cjs');

/** Of tasks that are made of nothing but numbers and letters. */
const OWN_LICENCE = 'Apache-2.0 (made by this project)';

/**
 * The licence of a task made of several sources, and whether all of them allow shipping.
 * @param {string[]} licences of the sources
 */
function licenceOf(licences) {
  const all = [...new Set(licences)].sort();
  return { licence: all.length === 0 ? OWN_LICENCE : all.join('; '), shippable: all.every(mayShip) };
}

module.exports = { licenceOf, OWN_LICENCE };
