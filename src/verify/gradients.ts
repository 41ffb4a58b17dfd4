import { type OptimiserOptions, TrainerEngine } from '../engine/index.js';
import { type DecoderShape, tokenShape } from '../generator/decoder-shape.js';
import { type Check, compare, skip } from './checks.js';
import { normOf } from './compare.js';
import { compareParameters, importanceOf, ofEachParameter, requireShape, writeParameters } from './golden-decoder.js';
import type { GoldenFile } from './golden-file.js';
import { meanLoss } from './mean-loss.js';
import type { VerifierOptions } from './options.js';
import { ONLY_CPU_TRAINS, TOLERANCES } from './tolerances.js';

const GRADIENT = 'grad.';
const LOSS = 'loss';

/** Unused, since nothing is updated. */
const UNUSED: OptimiserOptions = {
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 0,
  moments: 'fp32',
};

/** Decoder parameters, a condition and a target → the masked weighted loss and its gradient of every parameter. */
export async function verifyGradients(
  golden: GoldenFile,
  { shape, batch }: { shape: DecoderShape; batch: number },
  { threads, algorithm, device, signal }: VerifierOptions,
): Promise<Check[]> {
  const gradients = golden.names.filter((name) => name.startsWith(GRADIENT));
  const hasLoss = golden.hasSetting(LOSS) && golden.has('target');
  const references = hasLoss ? [LOSS, ...gradients] : gradients;
  if (references.length === 0) return [];
  if (device.kind !== 'cpu') return references.map((name) => skip(name, ONLY_CPU_TRAINS));
  requireShape(golden, 'target', batch, tokenShape(shape));
  const engine = await TrainerEngine.create({ ...shape, threads, algorithm, device, optimiser: UNUSED });
  try {
    await writeParameters(golden, engine, 'param.');
    const condition = await golden.floats('condition');
    const target = await golden.floats('target');
    const importance = await importanceOf(golden, tokenShape(shape)[0]);
    const sums = await engine.accumulate({ condition, target, importance, batch }, { signal });
    const checks: Check[] = [];
    if (hasLoss) checks.push(compare(LOSS, [meanLoss(sums)], [golden.number(LOSS)], TOLERANCES.losses));
    const found = ofEachParameter(engine, (name, count) => engine.readGradient(name, 0, count));
    const whole = normOf(found.values());
    checks.push(
      ...(await compareParameters(golden, found, { prefix: GRADIENT, tolerance: TOLERANCES.gradients, whole })),
    );
    return checks;
  } finally {
    engine.dispose();
  }
}
