import { createHash } from 'node:crypto';
import { type AlgorithmChoice, DecoderEngine, type Feature } from '../../../src/engine/index.js';
import { conditionOf } from '../decoders.js';

const FEATURES: Feature[] = [
  [4, 9, 7],
  [7, 12, 9],
  [7, 12, 9],
  [5, 6, 4],
];
const LAYOUT = {
  ...{ tokens: 5, height: 6, width: 4, rank: 2, chunk: 2, elements: 18 },
  tensors: [...[0, 2, 4, 0, 0], ...[2, 3, 5, 1, 8]],
  residual: null,
};

interface Outcome {
  error: number;
  adapterError: number;
  digest: string;
}

async function made(settings: Partial<Parameters<typeof DecoderEngine.create>[0]>) {
  const engine = await DecoderEngine.create({ features: FEATURES, kernelSize: 5, ...settings });
  await engine.initialise(7);
  const condition = conditionOf(engine, 2);
  const tokens = await engine.forward(condition, 2);
  const adapters = await engine.adapters(condition, 2, LAYOUT);
  // Parameters that are written are what the next pass works with, the ones of before are what comes after it.
  const name = 'decoder.module_list.2.linear2.bias';
  const bias = engine.readParameter(name, 0, 5);
  engine.writeParameter(name, 0, new Uint8Array(new Float32Array(5).fill(3).buffer), 'F32');
  const moved = await engine.forward(condition, 2);
  engine.writeParameter(name, 0, new Uint8Array(bias.buffer), 'F32');
  const back = await engine.forward(condition, 2);
  engine.dispose();
  return { tokens, moved, back, adapters: adapters.flatMap((values) => Array.from(values)) };
}

function relativeError(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < theirs.length; i++) {
    difference += (ours[i]! - theirs[i]!) ** 2;
    size += theirs[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/** A decoder by every algorithm and precision of a CUDA device, against the CPU. */
async function main() {
  const reference = await made({ device: 'cpu', algorithm: 'direct' });
  const outcomes: Record<string, Outcome> = {};
  for (const algorithm of ['auto', 'direct', 'spectral'] satisfies AlgorithmChoice[])
    for (const precision of ['mixed', 'fp32'] as const) {
      const { tokens, moved, back, adapters } = await made({
        device: 'cuda',
        algorithm,
        precision: precision === 'fp32' ? precision : undefined,
      });
      const pairs = [tokens, moved, back].map((ours, index) => {
        return relativeError(ours, [reference.tokens, reference.moved, reference.back][index]!);
      });
      const digest = createHash('sha256')
        .update(tokens)
        .update(moved)
        .update(Float32Array.from(adapters))
        .digest('hex');
      outcomes[`${algorithm} ${precision}`] = {
        error: Math.max(...pairs),
        adapterError: relativeError(adapters, reference.adapters),
        digest,
      };
    }
  console.log(JSON.stringify(outcomes));
}

void main();
