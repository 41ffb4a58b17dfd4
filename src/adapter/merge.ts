import { eventLoopYielder } from '../async/index.js';
import { DndError } from '../errors.js';
import type { LoraAdapter, LoraConfig } from './lora-adapter.js';

/** alpha of one module: that of `alpha_pattern` where a key is the module's name or the end of it, as PEFT matches. */
function alphaOf(config: LoraConfig, module: string): number {
  for (const [key, alpha] of Object.entries(config.alphaPattern ?? {})) {
    if (module === key || module.endsWith(`.${key}`) || key === `^${module}`) return alpha;
  }
  return config.alpha;
}

/** The scale of B·A: alpha / rank, with rsLoRA alpha / √rank. Source: PEFT, `LoraLayer.scaling`. */
export function loraScale(config: LoraConfig, module: string, rank: number): number {
  return scaleOf({ alpha: alphaOf(config, module), useRslora: config.useRslora }, rank);
}

/** The same where every module has one alpha. */
export function scaleOf({ alpha, useRslora }: Pick<LoraConfig, 'alpha' | 'useRslora'>, rank: number): number {
  return alpha / (useRslora ? Math.sqrt(rank) : rank);
}

/** Below this, a factor is rounding: folding it in would change weights for nothing. */
const TOLERANCE = 1e-9;

/** A factor between two scales, as B is multiplied by it where a format has one scale for all modules. */
export function foldable(factor: number): number {
  return Math.abs(factor - 1) < TOLERANCE ? 1 : factor;
}

/**
 * The weight update of one module: ΔW = scale · B · A, [output width, input width], row-major; with `fanInFanOut` the
 * base stores the transpose of it. Summed in float64.
 * @param module the base model's name of it, such as `model.layers.0.self_attn.q_proj`
 * @throws DndError SHAPE_MISMATCH when the adapter has no such module
 */
export async function mergeDelta(
  adapter: LoraAdapter,
  module: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Float32Array<ArrayBuffer>> {
  const { a, b, rank, inputWidth, outputWidth } = adapter.pair(module);
  const scale = loraScale(adapter.config, module, rank);
  if (!Number.isFinite(scale)) throw new DndError('INVALID_WEIGHTS', `${module}: the adapter's scale is ${scale}`);
  const delta = new Float32Array(outputWidth * inputWidth);
  const yieldToEventLoop = eventLoopYielder();
  const sums = new Float64Array(inputWidth);
  for (let row = 0; row < outputWidth; row++) {
    await yieldToEventLoop();
    options.signal?.throwIfAborted();
    sums.fill(0);
    for (let i = 0; i < rank; i++) {
      const factor = b[row * rank + i]! * scale;
      for (let column = 0; column < inputWidth; column++) sums[column]! += factor * a[i * inputWidth + column]!;
    }
    delta.set(sums, row * inputWidth);
  }
  return delta;
}
