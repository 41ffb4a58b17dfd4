import { DecoderEngine } from '../engine/index.js';
import { conditionShape, type DecoderShape, tokenShape } from '../generator/decoder-shape.js';
import { type Check, compare } from './checks.js';
import { decoderShape, requireShape, writeParameters } from './golden-decoder.js';
import type { GoldenFile } from './golden-file.js';
import { verifyGradients } from './gradients.js';
import type { VerifierOptions } from './options.js';
import { tolerancesOn } from './tolerances.js';

/** Decoder parameters and a condition → the projected condition, the weight tokens, the loss and its gradients. */
export async function verifyDecoder(golden: GoldenFile, options: VerifierOptions): Promise<Check[]> {
  const shape = decoderShape(golden);
  const batch = batchOf(golden, shape);
  return [
    ...(await verifyForward(golden, { shape, batch }, options)),
    ...(await verifyGradients(golden, { shape, batch }, options)),
  ];
}

async function verifyForward(
  golden: GoldenFile,
  { shape, batch }: { shape: DecoderShape; batch: number },
  { threads, algorithm, device, signal }: VerifierOptions,
): Promise<Check[]> {
  const tolerances = tolerancesOn(device, shape.features.length - 1);
  const engine = await DecoderEngine.create({ ...shape, threads, algorithm, device });
  try {
    await writeParameters(golden, engine, 'param.');
    const condition = await golden.floats('condition');
    const checks: Check[] = [];
    if (golden.has('projected')) {
      const projected = await engine.project(condition, batch, { signal });
      checks.push(compare('projected', projected, await golden.floats('projected'), tolerances.lengthProjection));
    }
    if (golden.has('output')) {
      const output = await engine.forward(condition, batch, { signal });
      checks.push(compare('output', output, await golden.floats('output'), tolerances.decoderOutput));
    }
    return checks;
  } finally {
    engine.dispose();
  }
}

/** Checks the shapes of condition and references, which may omit the axis of a batch of 1. */
function batchOf(golden: GoldenFile, shape: DecoderShape): number {
  const given = golden.shape('condition');
  const batch = given.length === 3 ? 1 : (given[0] ?? 0);
  if (batch < 1) throw golden.wrong(`condition is [${given.join(', ')}], which holds no task`);
  requireShape(golden, 'condition', batch, conditionShape(shape));
  if (golden.has('projected')) requireShape(golden, 'projected', batch, shape.features[0]!);
  if (golden.has('output')) requireShape(golden, 'output', batch, tokenShape(shape));
  return batch;
}
