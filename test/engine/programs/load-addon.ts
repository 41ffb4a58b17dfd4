import { DecoderEngine } from '../../../src/engine/index.js';
import { SMALL } from '../decoders.js';

DecoderEngine.create({ features: SMALL, kernelSize: 3 }).then(
  () => console.log('{}'),
  ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })),
);
