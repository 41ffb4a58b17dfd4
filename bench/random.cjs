/** Seeded standard normal numbers as float32 (mulberry32, then Box and Muller's transform). */
function normals(count, seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

const BLOCK = 2 ** 20;

/** As many numbers as are wanted, of which only the first million are made: the others repeat them. */
function repeatedNormals(count, seed) {
  const values = new Float32Array(count);
  const block = normals(Math.min(count, BLOCK), seed);
  for (let offset = 0; offset < count; offset += BLOCK) values.set(block.subarray(0, count - offset), offset);
  return values;
}

module.exports = { normals, repeatedNormals };
