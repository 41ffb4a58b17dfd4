import type { BaseModel } from '../adapter/index.js';
import type { Device, PrecisionName } from '../engine/index.js';
import type { GeneratorSettings } from './create.js';
import type { OnProgress } from './progress.js';

/** How a generator computes, and how its loading is followed. */
export interface EngineSettings {
  /** Number of threads. Default: `DND_THREADS`, else the CPUs this process can use. */
  threads?: number | undefined;
  /** Compute device of text encoder and decoder. Default: 'auto', a CUDA device if one works, else the CPU. */
  device?: Device | undefined;
  /**
   * 'fp32' for float32 accuracy on a CUDA device, where the default is float16 matrix products; 'bf16' for bfloat16
   * products on a CPU with AVX512-BF16, where the default is 'fp32'.
   */
  precision?: PrecisionName | undefined;
  /**
   * Memory limit of the decoder in bytes: workspace, conditions, results, and weights that are not mapped from their file;
   * device memory, with all weights, on a CUDA device. A lower limit is slower; if it is too low, OUT_OF_MEMORY states the
   * need. Default: as much as pays off, up to 1 GiB beside weights and activations.
   */
  memoryLimitBytes?: number | undefined;
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done, from 0 to 1, and the stage. */
  onProgress?: OnProgress | undefined;
}

/** Options of `Generator.load`. */
export interface LoadOptions extends EngineSettings {
  /** Folder of the text encoder, if not the one inside the generator; it must have the same weights. */
  encoder?: string | undefined;
}

/** Options of `Generator.create`. */
export interface CreateOptions extends GeneratorSettings, EngineSettings {
  /** config.json of the base model, the folder containing it, or its shape. */
  base: string | BaseModel;
  /** Folder of a text encoder (config.json, model.safetensors, tokenizer.json), or 'hash'. */
  encoder: string;
  /** Layer after which a decoder-only text encoder's hidden states are taken. Default: the last. */
  encoderLayer?: number | undefined;
}
