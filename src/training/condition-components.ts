import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventLoopYielder, type LongOperation } from '../async/index.js';
import type { TextEncoder } from '../encoder/index.js';
import { MemoryBudget } from '../engine/index.js';
import { DndError } from '../errors.js';
import { ConditionProjection, isPadding } from '../generator/condition-projection.js';
import { PROJECTION_FILE, writeProjection } from '../generator/condition-projection-file.js';
import type { ConditionSettings } from '../generator/manifest.js';
import { encodeInGroups, projectedEncoder } from '../generator/projected-encoder.js';
import { columnOf, type Matrix, signOfLargest, symmetricEigen, timesTransposed } from '../linear-algebra/index.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { Preparation } from './prepare.js';
import { STREAMS } from './streams.js';
import type { MakeOptions } from './trainer-parts.js';

/** More prompts, or positions of them, hardly change the components and take longer. */
const MOST_PROMPTS = 2048;
const MOST_POSITIONS = 20_000;
/**
 * Components of a smaller standard deviation, relative to the largest, are divided by this share of the largest: dividing
 * rounding errors by their own deviation would make noise as loud as the rest.
 */
const DEVIATION_FLOOR = 1e-3;
/** Estimated share of time of encoding. */
const ENCODE_SHARE = 0.6;

/**
 * Computes the principal components of the setting conditionComponents from prompts of the training tasks alone, keeps
 * them in the run, and makes conditions of them: a resumed run must not compute them again, since its pairs may have
 * changed. Without the setting it does nothing.
 */
export async function makeComponents(
  preparation: Preparation,
  folder: string,
  { signal, onProgress }: MakeOptions,
): Promise<void> {
  // A run that was killed before it wrote run.json may have left the file of other settings.
  await rm(join(folder, PROJECTION_FILE), { force: true });
  const { manifest, split, texts, encoder, settings } = preparation;
  if (manifest.condition.components === undefined) return;
  const projection = await principalComponents(
    split.training.flatMap(({ task }) => texts.get(task.name)!),
    encoder,
    { ...manifest.condition, components: manifest.condition.components },
    { seed: settings.seed, signal, onProgress: (fraction) => onProgress?.(fraction, 'components') },
  );
  await writeProjection(folder, projection, { signal });
  useComponents(preparation, projection);
}

/** Makes conditions of principal components from here on; without a projection nothing changes. */
export function useComponents(preparation: Preparation, projection: ConditionProjection | undefined): void {
  if (projection === undefined) return;
  const { manifest, encoder } = preparation;
  preparation.projection = projection;
  preparation.encoder = projectedEncoder(encoder, projection);
  preparation.manifest = {
    ...manifest,
    condition: { ...manifest.condition, componentsSha256: projection.sha256 },
  };
}

/**
 * The whitened principal components of the hidden states of texts, from the covariance of a seeded sample of their
 * positions without padding, in double precision. The sign of a component is that of its largest entry, which is positive.
 * @throws DndError INVALID_ARGUMENT if there are too few positions, or all are equal; OUT_OF_MEMORY; as
 * `TextEncoder.encode`; `signal.reason`
 */
export async function principalComponents(
  texts: readonly string[],
  encoder: TextEncoder,
  condition: ConditionSettings & { components: number },
  { seed, signal, onProgress }: LongOperation & { seed: number },
): Promise<ConditionProjection> {
  const { components } = condition;
  const states = await sampleStates(texts, encoder, condition, {
    seed,
    signal,
    onProgress: (fraction) => onProgress?.(ENCODE_SHARE * fraction),
  });
  if (states.columns <= components)
    throw new DndError(
      'INVALID_ARGUMENT',
      `conditionComponents: too few positions in the prompts of the training tasks; expected more than ${components}, got ${states.columns}. ` +
        'Lower it, or add prompts',
    );
  const mean = await centre(states, signal);
  const covariance = await timesTransposed(states, states, { signal });
  for (let i = 0; i < covariance.values.length; i++) covariance.values[i]! /= states.columns;
  const { values: variances, vectors } = await symmetricEigen(covariance, { signal });
  onProgress?.(1);
  // Rounding errors may make variances of 0 negative.
  const deviationOf = (k: number) => Math.sqrt(Math.max(0, variances[k]!));
  const largest = deviationOf(0);
  if (largest === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      'conditionComponents: no principal components; expected hidden states that differ, got equal ones in all prompts of the training tasks. Omit it, or add prompts',
    );
  const matrix = new Float32Array(components * encoder.channels);
  for (let k = 0; k < components; k++) {
    const vector = columnOf(vectors, k);
    const deviation = Math.max(deviationOf(k), DEVIATION_FLOOR * largest);
    const factor = signOfLargest(vector) / deviation;
    for (let i = 0; i < vector.length; i++) matrix[k * vector.length + i] = factor * vector[i]!;
  }
  return new ConditionProjection(mean, matrix);
}

/** @returns [channels, positions]; each position of the chosen texts is equally likely to be in it */
async function sampleStates(
  texts: readonly string[],
  encoder: TextEncoder,
  { maxLength, padding, pooling }: ConditionSettings,
  { seed, signal, onProgress }: LongOperation & { seed: number },
): Promise<Matrix> {
  const { channels } = encoder;
  const random = SplitMix64.derived(seed, STREAMS.components);
  const distinct = [...new Set(texts)];
  const chosen = random.sample(distinct.length, Math.min(distinct.length, MOST_PROMPTS)).map((i) => distinct[i]!);
  const most = Math.min(MOST_POSITIONS, chosen.length * (pooling === 'none' ? maxLength : 1));
  const bytes = (most + 3 * channels) * channels * Float64Array.BYTES_PER_ELEMENT;
  new MemoryBudget(undefined).require({
    purpose: `the principal components of hidden states of ${channels} channels`,
    bytes,
    lower: 'omit conditionComponents, or use a text encoder of fewer channels',
  });
  const sample = new Float64Array(most * channels);
  const yieldToEventLoop = eventLoopYielder();
  let positions = 0;
  for await (const { hiddenStates } of encodeInGroups(encoder, chosen, {
    maxLength,
    padding,
    pooling,
    signal,
    onProgress,
  })) {
    for (let start = 0; start < hiddenStates.length; start += channels) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const state = hiddenStates.subarray(start, start + channels);
      if (isPadding(state)) continue;
      // Vitter's reservoir sampling, algorithm R.
      const place = positions < most ? positions : random.below(positions + 1);
      positions++;
      if (place < most) sample.set(state, place * channels);
    }
  }
  const columns = Math.min(positions, most);
  return { rows: channels, columns, values: sample.subarray(0, columns * channels) };
}

/** Subtracts the mean, rounded to float32, from every column. */
async function centre(states: Matrix, signal: AbortSignal | undefined): Promise<Float32Array> {
  const sums = new Float64Array(states.rows);
  const yieldToEventLoop = eventLoopYielder();
  const each = async (work: (column: Float64Array) => void) => {
    for (let position = 0; position < states.columns; position++) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      work(columnOf(states, position));
    }
  };
  await each((column) => {
    for (let i = 0; i < sums.length; i++) sums[i]! += column[i]!;
  });
  const mean = Float32Array.from(sums, (sum) => sum / states.columns);
  await each((column) => {
    for (let i = 0; i < mean.length; i++) column[i]! -= mean[i]!;
  });
  return mean;
}
