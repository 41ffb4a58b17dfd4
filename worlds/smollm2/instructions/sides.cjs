const { createHash } = require('node:crypto');

/** Of inputs that no source task has: so many of 100 are for tests. */
const TEST_PERCENT = 25;

/**
 * Which inputs are for training and which for tests. It is one decision for all tasks of a family, so that no test input
 * of one of them is a training input of another. What a source task tests on stays for tests.
 * @param {number} seed
 */
function makeSides(seed) {
  const fixed = new Map();
  const place = (family, key) => `${family}\n${key}`;
  return {
    /** An input of a source task. Where two source tasks disagree, it is for tests. */
    fix(family, key, side) {
      const at = place(family, key);
      if (fixed.get(at) !== 'test') fixed.set(at, side);
    },
    /** @returns {'train' | 'test'} */
    of(family, key) {
      const known = fixed.get(place(family, key));
      if (known !== undefined) return known;
      const digest = createHash('sha256').update(`${seed}\n${family}\n${key}`).digest();
      return digest.readUInt32LE(0) % 100 < TEST_PERCENT ? 'test' : 'train';
    },
  };
}

module.exports = { makeSides };
