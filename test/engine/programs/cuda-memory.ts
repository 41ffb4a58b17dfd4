import { createHash } from 'node:crypto';
import { DecoderEngine, type Feature } from '../../../src/engine/index.js';
import { conditionOf } from '../decoders.js';

const FEATURES: Feature[] = [
  [6, 20, 24],
  [10, 24, 20],
  [10, 24, 20],
];

/** A spectral decoder in less and less device memory, until there is too little: its result, or what it says. */
async function main() {
  const outcomes: { limit: number; held?: number; digest?: string; code?: string; message?: string }[] = [];
  for (let limit = 8e6; limit > 1e5 && outcomes.at(-1)?.code === undefined; limit = Math.floor(limit * 0.7)) {
    const settings = { device: 'cuda', algorithm: 'spectral', memoryLimitBytes: limit } as const;
    const engine = await DecoderEngine.create({ features: FEATURES, kernelSize: 5, ...settings });
    try {
      await engine.initialise(7);
      const tokens = await engine.forward(conditionOf(engine, 2), 2);
      const digest = createHash('sha256').update(tokens).digest('hex');
      outcomes.push({ limit, held: engine.deviceMemory().heldBytes, digest });
    } catch (error) {
      const { code, message } = error as Error & { code: string };
      outcomes.push({ limit, code, message });
    } finally {
      engine.dispose();
    }
  }
  console.log(JSON.stringify(outcomes));
}

void main();
