const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { normals, repeatedNormals } = require('../../random.cjs');

const elements = (shape) => shape.reduce((product, size) => product * size, 1);

/** Every so many targets there is none: the last chunk of a matrix seldom fills its token. */
const MISSING_EVERY = 16;

/** Random conditions and targets, some of them missing, and an importance: the same for all rivals. */
function randomBatch({ features }, batch) {
  const [first, last] = [features[0], features.at(-1)];
  const shapes = { condition: [batch, ...first], target: [batch, ...last], importance: [last[0]] };
  const target = repeatedNormals(elements(shapes.target), 2);
  for (let i = 0; i < target.length; i += MISSING_EVERY) target[i] = Number.NaN;
  return {
    batch,
    shapes,
    condition: repeatedNormals(elements(shapes.condition), 1),
    target,
    importance: normals(last[0], 3).map((value) => 1 + 0.5 * Math.tanh(value)),
  };
}

/** As files for the peer. @returns the request that names them */
async function writeBatch(scratch, { shapes, ...values }) {
  const request = {};
  for (const [name, shape] of Object.entries(shapes)) {
    request[name] = join(scratch, `${name}.f32`);
    request[`${name}Shape`] = shape;
    await writeFile(request[name], values[name]);
  }
  return request;
}

module.exports = { randomBatch, writeBatch };
