import { DecoderEngine, type Feature } from '../../src/engine/index.js';

/** Numbers that are the same in every run: a few bits of an integer hash, between −1 and 1. */
export function numbers(count: number, seed = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => {
    const mixed = Math.imul((index + 1) ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
    return ((mixed ^ (mixed >>> 15)) | 0) / 2 ** 31;
  });
}

export const sizeOf = ([tokens, height, width]: Feature) => tokens * height * width;

/** Milliseconds of work. */
export const SMALL: Feature[] = [
  [3, 4, 5],
  [4, 6, 3],
  [4, 6, 3],
];

/** A second of work for one core, or several: for what happens while a job runs. */
export const LARGE: Feature[] = [
  [128, 64, 128],
  [256, 64, 128],
  [256, 64, 128],
  [512, 32, 128],
  [512, 32, 128],
  [512, 32, 128],
  [512, 32, 128],
];

/** An initialised decoder; a large one works with a single thread, so that it takes its time on every machine. */
export async function createDecoder(features: Feature[], options: { threads?: number; kernelSize?: number } = {}) {
  const { threads = features === LARGE ? 1 : undefined, kernelSize = 3 } = options;
  const engine = await DecoderEngine.create({ features, kernelSize, threads });
  await engine.initialise(7);
  return engine;
}

export const conditionOf = (engine: DecoderEngine, batch = 1) => numbers(batch * sizeOf(engine.features[0]!));
