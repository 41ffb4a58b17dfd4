import type { LoraConfig } from '../lora-adapter.js';
import { foldable, loraScale } from '../merge.js';

/**
 * The one alpha of a GGUF adapter, by which llama.cpp scales each pair of matrices as alpha / rank: PEFT's, or with rsLoRA
 * alpha · √rank.
 */
export function ggufAlpha({ alpha, rank, useRslora }: LoraConfig): number {
  return useRslora ? alpha * Math.sqrt(rank) : alpha;
}

/** What B of a module must be multiplied by so that llama.cpp's scale becomes PEFT's: 1 unless alphas or ranks differ. */
export function foldedFactor(config: LoraConfig, module: string, rank: number): number {
  return foldable((loraScale(config, module, rank) * rank) / ggufAlpha(config));
}

/** The shortest decimal number that a float32 stands for: 0.1 rather than 0.10000000149011612. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
