import { conditionOf, createDecoder, LARGE } from '../decoders.js';

async function main() {
  const engine = await createDecoder(LARGE);
  const other = await createDecoder(LARGE);
  void engine.forward(conditionOf(engine), 1, { onProgress: () => process.exit(7) });
  void other.forward(conditionOf(other), 1);
}

void main();
