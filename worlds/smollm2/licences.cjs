/** Licences under which weights derived from data may be passed on by anybody, with attribution at most. */
const PERMISSIVE = /^(MIT|Apache-2\.0|BSD-[23]-Clause|CC0-1\.0|CC-BY-\d\.\d)(?![\w.-])/;

/**
 * Whether weights trained on data of this licence may be shipped. Share-alike, non-commercial and research-only licences
 * may not, nor may what is not recognised.
 * @param {string} licence begins with its SPDX identifier; a note may follow
 */
function mayShip(licence) {
  return PERMISSIVE.test(licence);
}

module.exports = { mayShip };
