import type { DecoderEngine } from '../engine/index.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import { checkDecoderShape, type DecoderShape } from '../generator/decoder-shape.js';
import type { DecoderParameters } from '../generator/decoder-weights.js';
import { type Check, compare, skip } from './checks.js';
import type { GoldenFile } from './golden-file.js';

/** The decoder described by a golden file's metadata. */
export function decoderShape(golden: GoldenFile): DecoderShape {
  return checkDecoderShape(
    {
      features: golden.setting('features'),
      kernelSize: golden.setting('kernel_size'),
      projectedFrom: golden.hasSetting('long') ? golden.setting('long') : 0,
    },
    golden.file.path,
    'CORRUPT_FILE',
  );
}

/** Checks that a tensor is [batch, …expected], or just […expected] for a batch of 1. */
export function requireShape(golden: GoldenFile, name: string, batch: number, expected: readonly number[]): void {
  const found = golden.shape(name);
  const sizes = found.length === expected.length ? [1, ...found] : found;
  if (sizes.length !== expected.length + 1 || [batch, ...expected].some((size, axis) => size !== sizes[axis]))
    throw golden.wrong(
      `${name} has the wrong shape; expected [${batch > 0 ? batch : 'batch'}, ${expected.join(', ')}] by features, got [${found.join(', ')}]`,
    );
}

/** Fills the decoder with the tensors `prefix` + parameter. */
export async function writeParameters(golden: GoldenFile, engine: DecoderParameters, prefix: string): Promise<void> {
  for (const { name, shape } of engine.parameters) {
    const found = golden.shape(prefix + name);
    const { dtype } = golden.file.tensors.get(prefix + name)!;
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis]))
      throw golden.wrong(
        `${prefix}${name} has the wrong shape; expected [${shape.join(', ')}] by features, got [${found.join(', ')}]`,
      );
    if (!isFloatDtype(dtype))
      throw golden.wrong(`${prefix}${name} has the wrong dtype; expected a floating-point type, got ${dtype}`);
    engine.writeParameter(name, 0, await golden.file.read(prefix + name), dtype);
  }
}

/**
 * Compares every tensor `prefix` + parameter with the parameter's own values.
 * @param whole as of `relativeError`
 */
export async function compareParameters(
  golden: GoldenFile,
  found: ReadonlyMap<string, Float32Array>,
  { prefix, tolerance, whole }: { prefix: string; tolerance: number; whole?: number },
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const reference of golden.names.filter((name) => name.startsWith(prefix))) {
    const name = reference.slice(prefix.length);
    const ours = found.get(name);
    checks.push(
      ours === undefined
        ? skip(reference, 'its decoder has no parameter of that name')
        : compare(reference, ours, await golden.floats(reference), tolerance, whole),
    );
  }
  return checks;
}

/** The result of `read` for every parameter. */
export function ofEachParameter(
  { parameters }: Pick<DecoderEngine, 'parameters'>,
  read: (name: string, elementCount: number) => Float32Array,
): Map<string, Float32Array> {
  return new Map(parameters.map(({ name, shape }) => [name, read(name, elementCount(shape))]));
}

/** Importance of the weight tokens; undefined means all ones. */
export async function importanceOf(golden: GoldenFile, tokens: number): Promise<Float32Array | undefined> {
  if (!golden.has('criterion_weight')) return undefined;
  const weights = await golden.floats('criterion_weight');
  if (weights.length === tokens) return weights;
  throw golden.wrong(
    `criterion_weight has the wrong size; expected ${tokens} elements by features, got ${weights.length}`,
  );
}
