const { readFile } = require('node:fs/promises');

/** A file of raw little-endian float32, as a peer writes its output. @returns {Promise<Float32Array>} */
async function readFloats(path) {
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

module.exports = { readFloats };
