import { tokenImportance } from '../training/pairs/importance.js';
import { type Check, compare } from './checks.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { TOLERANCES } from './tolerances.js';

const REFERENCE = 'criterion_weight';

/** Weight tokens of one data set's checkpoints, [checkpoints, tokens, …] → token importance. */
export async function verifyImportance(golden: GoldenFile, { signal }: VerifierOptions): Promise<Check[]> {
  if (!golden.has(REFERENCE)) return [];
  const shape = golden.shape('tokens');
  const [checkpoints = 0, tokens = 0] = shape;
  if (shape.length < 2 || checkpoints < 1 || tokens < 1)
    throw golden.wrong(`tokens has the wrong shape; expected [checkpoints, tokens, …], got [${shape.join(', ')}]`);
  const values = await golden.floats('tokens');
  const size = values.length / checkpoints;
  const each = Array.from({ length: checkpoints }, (_, index) => values.subarray(index * size, (index + 1) * size));
  const importance = await tokenImportance(each, tokens, signal);
  return [compare(REFERENCE, importance, await golden.floats(REFERENCE), TOLERANCES.tokenImportance)];
}
