/** Of tasks that are made of nothing but numbers and letters. */
const OWN_LICENCE = 'Apache-2.0 (made by this project)';

/** Licences under which weights trained on the data may be shipped; a share-alike or research-only licence is none. */
const SHIPPABLE = /^(MIT|Apache-2\.0|BSD-\d-Clause|CC0-1\.0|CC-BY-\d\.\d)(?= |$)/;

const isShippable = (licence) => SHIPPABLE.test(licence);

/**
 * The licence of a task made of several sources, and whether all of them allow shipping.
 * @param {string[]} licences of the sources
 */
function licenceOf(licences) {
  const all = [...new Set(licences)].sort();
  return { licence: all.length === 0 ? OWN_LICENCE : all.join('; '), shippable: all.every(isShippable) };
}

module.exports = { licenceOf, OWN_LICENCE };
