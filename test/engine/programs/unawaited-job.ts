import { conditionOf, createDecoder, SMALL } from '../decoders.js';

async function main() {
  const engine = await createDecoder([...SMALL, [64, 32, 32]]);
  void engine.forward(conditionOf(engine), 1).then((tokens) => console.log('done', tokens.length));
}

void main();
