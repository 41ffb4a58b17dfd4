const WORDS = 'how many are there of each kind when all that were counted yesterday have been sold again'.split(' ');

/** So many different prompts of about a dozen words. */
function randomPrompts(count, seed) {
  return Array.from({ length: count }, (_, index) => {
    const word = (place) => WORDS[(7 * place + 3 * index + 5 * seed) % WORDS.length];
    return `${seed}.${index} ${Array.from({ length: 12 }, (_, place) => word(place)).join(' ')}?`;
  });
}

module.exports = { randomPrompts };
