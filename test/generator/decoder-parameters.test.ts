import { DecoderEngine } from '../../src/engine/index.js';
import { decoderParameters } from '../../src/generator/decoder-parameters.js';
import type { DecoderShape } from '../../src/generator/decoder-shape.js';

test.each<DecoderShape>([
  {
    features: [
      [2, 3, 4],
      [5, 6, 7],
    ],
    kernelSize: 3,
    projectedFrom: 0,
  },
  {
    features: [
      [2, 3, 4],
      [5, 6, 7],
      [3, 2, 9],
    ],
    kernelSize: 5,
    projectedFrom: 11,
  },
])('parameters are those of the engine, in its order: %j', async (shape) => {
  const engine = await DecoderEngine.create(shape);
  expect(decoderParameters(shape)).toEqual(engine.parameters.map(({ name, shape: of }) => ({ name, shape: [...of] })));
  engine.dispose();
});
