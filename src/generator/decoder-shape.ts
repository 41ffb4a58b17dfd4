import type { Feature } from '../engine/index.js';
import { DndError, type ErrorCode } from '../errors.js';
import { quoteValue } from '../validation/index.js';

export type { Feature };

/** The shape of a decoder: what it takes, what it gives, and its layers in between. */
export interface DecoderShape {
  /** The condition's shape [prompts, length, channels] first, the weight tokens' last. */
  features: Feature[];
  /** Kernel size of every convolution; odd. */
  kernelSize: number;
  /** Length of the condition before the length projection; 0 = no length projection. */
  projectedFrom: number;
}

/** Upper limit of sizes: products of three must stay exact integers. */
export const LARGEST_AXIS = 2 ** 17;
const LARGEST_KERNEL = 255;

/**
 * Checks that `features` is a list of at least two shapes [tokens, height, width] of positive integers, that
 * `kernelSize` is odd, and that a length projection shortens. `where` is the prefix of the DndError's message, `code`
 * its code.
 */
export function checkDecoderShape(shape: unknown, where: string, code: ErrorCode): DecoderShape {
  const { features, kernelSize, projectedFrom } = shape as Record<keyof DecoderShape, unknown>;
  if (!Array.isArray(features) || features.length < 2)
    throw new DndError(code, `${where}: features must be a list of at least two shapes [tokens, height, width]`);
  const checked = features.map((feature, index) => checkFeature(feature, `${where}: features[${index}]`, code));
  if (!isSize(kernelSize, LARGEST_KERNEL) || kernelSize % 2 === 0)
    throw new DndError(
      code,
      `${where}: the kernel size must be an odd number from 1 to ${LARGEST_KERNEL}, not ${quoteValue(kernelSize)}`,
    );
  const length = checked[0]![1];
  if (projectedFrom !== 0 && (!isSize(projectedFrom, LARGEST_AXIS) || projectedFrom <= length))
    throw new DndError(
      code,
      `${where}: the length projection must start from more than features[0][1] = ${length} (or be 0: none), not ${quoteValue(projectedFrom)}`,
    );
  return { features: checked, kernelSize, projectedFrom };
}

function checkFeature(feature: unknown, where: string, code: ErrorCode): Feature {
  if (Array.isArray(feature) && feature.length === 3 && feature.every((size) => isSize(size, LARGEST_AXIS)))
    return [...feature] as [number, number, number];
  throw new DndError(
    code,
    `${where} must be [tokens, height, width], three whole numbers from 1 to ${LARGEST_AXIS}, not ${quoteValue(feature)}`,
  );
}

function isSize(value: unknown, largest: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= largest;
}

/** Shape of the decoder's condition: [prompts, length, channels], before any length projection. */
export function conditionShape(shape: DecoderShape): Feature {
  const [prompts, length, channels] = shape.features[0]!;
  return [prompts, shape.projectedFrom || length, channels];
}

/** Shape of the decoder's weight tokens, or of the coefficients of a basis: [tokens, height, width]. */
export function tokenShape(shape: DecoderShape): Feature {
  return shape.features.at(-1)!;
}

/** The last shape of a decoder that ends in the coefficients of a basis: a token each, so that each may have its importance. */
export function basisFeature(directions: number): Feature {
  return [directions, 1, 1];
}

/** Parameters of the whole decoder, length projection included. */
export function parameterCount({ features, kernelSize, projectedFrom }: DecoderShape): number {
  const taps = kernelSize * kernelSize;
  let count = 0;
  for (const [layer, [tokens, height, width]] of features.slice(1).entries()) {
    const [tokensBefore, heightBefore, widthBefore] = features[layer]!;
    count += 2 * heightBefore * widthBefore + height * width;
    count += 2 * taps * (width * widthBefore + height * heightBefore);
    count += taps * tokens * tokensBefore + tokens;
  }
  const length = features[0]![1];
  return projectedFrom ? count + length * (projectedFrom + length + 2) : count;
}

/** Multiply-adds of one forward pass for one prompt set, padding taps included. */
export function multiplyAdds({ features, kernelSize, projectedFrom }: DecoderShape): number {
  const taps = kernelSize * kernelSize;
  let sum = 0;
  for (const [layer, [tokens, height, width]] of features.slice(1).entries()) {
    const [tokensBefore, heightBefore, widthBefore] = features[layer]!;
    const widthFirst = tokensBefore * heightBefore * width * (widthBefore + height);
    const heightFirst = tokensBefore * widthBefore * height * (heightBefore + width);
    sum += taps * (widthFirst + heightFirst + tokens * tokensBefore * height * width);
  }
  const [prompts, length, channels] = features[0]!;
  return projectedFrom ? sum + prompts * channels * length * (projectedFrom + length) : sum;
}
