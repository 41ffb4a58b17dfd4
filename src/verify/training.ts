import { type OptimiserOptions, TrainerEngine } from '../engine/index.js';
import { conditionShape, type DecoderShape, tokenShape } from '../generator/decoder-shape.js';
import { learningRateAt, type Schedule } from '../training/schedule.js';
import { type Check, compare, skip } from './checks.js';
import {
  compareParameters,
  decoderShape,
  importanceOf,
  ofEachParameter,
  requireShape,
  writeParameters,
} from './golden-decoder.js';
import type { GoldenFile } from './golden-file.js';
import { meanLoss } from './mean-loss.js';
import type { VerifierOptions } from './options.js';
import { ONLY_CPU_TRAINS, TOLERANCES } from './tolerances.js';

const FINAL = 'final.';
/** Curves in the metadata, one number per step. */
const CURVES = ['losses', 'learning_rates', 'grad_norms'] as const;
type Curve = (typeof CURVES)[number];

const CURVE_TOLERANCES: Record<Curve, number> = {
  losses: TOLERANCES.losses,
  learning_rates: TOLERANCES.learningRates,
  grad_norms: TOLERANCES.gradientNorms,
};

/** Initial parameters and the conditions of each step → the curves of an AdamW run and its final parameters. */
export async function verifyTraining(
  golden: GoldenFile,
  { threads, algorithm, device, signal }: VerifierOptions,
): Promise<Check[]> {
  const curves = CURVES.filter((name) => golden.hasSetting(name));
  if (device.kind !== 'cpu') {
    const finals = golden.names.filter((name) => name.startsWith(FINAL));
    return [...curves, ...finals].map((name) => skip(name, ONLY_CPU_TRAINS));
  }
  const shape = decoderShape(golden);
  const optimiser = optimiserOf(golden);
  const sizes = sizesOf(golden, shape);
  const engine = await TrainerEngine.create({ ...shape, threads, algorithm, device, optimiser });
  try {
    await writeParameters(golden, engine, 'initial.');
    const found = await run(golden, engine, shape, sizes, signal);
    const parameters = ofEachParameter(engine, (name, count) => engine.readParameter(name, 0, count));
    return [
      ...curves.map((name) => compare(name, found[name], golden.numbers(name), CURVE_TOLERANCES[name])),
      ...(await compareParameters(golden, parameters, { prefix: FINAL, tolerance: TOLERANCES.trainedParameters })),
    ];
  } finally {
    engine.dispose();
  }
}

interface Sizes {
  steps: number;
  batch: number;
}

async function run(
  golden: GoldenFile,
  engine: TrainerEngine,
  shape: DecoderShape,
  { steps, batch }: Sizes,
  signal: AbortSignal | undefined,
): Promise<Record<Curve, number[]>> {
  const conditions = await golden.floats('conditions');
  const target = await golden.floats('target');
  const importance = await importanceOf(golden, tokenShape(shape)[0]);
  const schedule = scheduleOf(golden, steps);
  const size = batch * conditionShape(shape).reduce((product, axis) => product * axis, 1);
  const curves: Record<Curve, number[]> = { losses: [], learning_rates: [], grad_norms: [] };
  for (let step = 0; step < steps; step++) {
    const condition = conditions.subarray(step * size, (step + 1) * size);
    const learningRate = learningRateAt(step, schedule);
    curves.losses.push(meanLoss(await engine.accumulate({ condition, target, importance, batch }, { signal })));
    curves.learning_rates.push(learningRate);
    curves.grad_norms.push(await engine.update(learningRate, { signal }));
  }
  return curves;
}

/** conditions [steps, batch, …], or [steps, …] for a batch of 1; target [batch, …]. */
function sizesOf(golden: GoldenFile, shape: DecoderShape): Sizes {
  const expected = conditionShape(shape);
  const found = golden.shape('conditions');
  const [most = 0, batch = 0, ...rest] = found.length === 4 ? [found[0]!, 1, ...found.slice(1)] : found;
  if (rest.length !== 3 || batch < 1 || expected.some((size, axis) => size !== rest[axis]))
    throw golden.wrong(
      `conditions has the wrong shape; expected [steps, batch, ${expected.join(', ')}] by features, got [${found.join(', ')}]`,
    );
  if (golden.hasSetting('batch') && golden.wholeNumber('batch') !== batch)
    throw golden.wrong(
      `conditions has the wrong batch; expected ${golden.wholeNumber('batch')} by its metadata, got [${found.join(', ')}]`,
    );
  const steps = golden.hasSetting('steps') ? golden.wholeNumber('steps') : most;
  if (steps > most) throw golden.wrong(`conditions are missing; expected ${steps} steps by its metadata, got ${most}`);
  requireShape(golden, 'target', batch, tokenShape(shape));
  return { steps, batch };
}

function optimiserOf(golden: GoldenFile): OptimiserOptions {
  const [beta1, beta2, ...others] = golden.numbers('betas');
  if (beta1 === undefined || beta2 === undefined || others.length > 0)
    throw golden.wrong('its metadata betas must be two numbers');
  return {
    beta1,
    beta2,
    eps: golden.number('eps'),
    weightDecay: golden.number('weight_decay'),
    maxGradientNorm: golden.hasSetting('max_grad_norm') ? golden.number('max_grad_norm') : 0,
    moments: 'fp32',
  };
}

function scheduleOf(golden: GoldenFile, steps: number): Schedule {
  return {
    learningRate: golden.number('learning_rate'),
    warmupSteps: golden.hasSetting('warmup_steps') ? golden.wholeNumber('warmup_steps') : 0,
    steps: golden.hasSetting('total_steps') ? golden.wholeNumber('total_steps') : steps,
    schedule: 'cosine',
  };
}
