import { DecoderEngine } from '../engine/index.js';
import { isFloatDtype } from '../formats/dtypes.js';
import { checkDecoderShape, conditionShape, type DecoderShape, tokenShape } from '../generator/decoder-shape.js';
import { type Check, compare, skip } from './checks.js';
import type { GoldenFile } from './golden-file.js';
import { tolerancesOn } from './tolerances.js';
import type { VerifierOptions } from './verify.js';

const PARAMETER = 'param.';
const GRADIENT = 'grad.';

/** Decoder parameters and a condition → the projected condition and the weight tokens. Gradients are skipped. */
export async function verifyDecoder(
  golden: GoldenFile,
  { threads, algorithm, device, signal }: VerifierOptions,
): Promise<Check[]> {
  const shape = decoderShape(golden);
  const batch = batchOf(golden, shape);
  const tolerances = tolerancesOn(device, shape.features.length - 1);
  const engine = await DecoderEngine.create({ ...shape, threads, algorithm, device });
  try {
    await writeParameters(golden, engine);
    const condition = await golden.floats('condition');
    const checks: Check[] = [];
    if (golden.has('projected'))
      checks.push(
        await compareTensor(
          golden,
          'projected',
          await engine.project(condition, batch, { signal }),
          tolerances.lengthProjection,
        ),
      );
    if (golden.has('output'))
      checks.push(
        await compareTensor(
          golden,
          'output',
          await engine.forward(condition, batch, { signal }),
          tolerances.decoderOutput,
        ),
      );
    for (const name of golden.names)
      if (name.startsWith(GRADIENT)) checks.push(skip(name, 'this version computes no gradients'));
    return checks;
  } finally {
    engine.dispose();
  }
}

async function compareTensor(golden: GoldenFile, name: string, ours: Float32Array, tolerance: number): Promise<Check> {
  return compare(name, ours, await golden.floats(name), tolerance);
}

function decoderShape(golden: GoldenFile): DecoderShape {
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

function batchOf(golden: GoldenFile, shape: DecoderShape): number {
  const given = golden.shape('condition');
  const batch = given[0] ?? 0;
  for (const [name, wanted] of [
    ['condition', conditionShape(shape)],
    ['projected', shape.features[0]!],
    ['output', tokenShape(shape)],
  ] as const) {
    if (name !== 'condition' && !golden.has(name)) continue;
    const found = golden.shape(name);
    if (batch < 1 || found.length !== 4 || [batch, ...wanted].some((size, axis) => size !== found[axis]))
      throw golden.wrong(`${name} is [${found.join(', ')}], and features want [batch, ${wanted.join(', ')}]`);
  }
  return batch;
}

async function writeParameters(golden: GoldenFile, engine: DecoderEngine): Promise<void> {
  for (const { name, shape } of engine.parameters) {
    const found = golden.shape(PARAMETER + name);
    const { dtype } = golden.file.tensors.get(PARAMETER + name)!;
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis]))
      throw golden.wrong(`${PARAMETER}${name} is [${found.join(', ')}], and features want [${shape.join(', ')}]`);
    if (!isFloatDtype(dtype))
      throw golden.wrong(`${PARAMETER}${name} has dtype ${dtype}, and a floating one is wanted`);
    engine.writeParameter(name, 0, await golden.file.read(PARAMETER + name), dtype);
  }
}
