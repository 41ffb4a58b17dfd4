import type { AlgorithmChoice, Device, DeviceUse, PrecisionName } from '../engine/index.js';

export interface VerifyOptions {
  threads?: number | undefined;
  /** Default: auto, a CUDA device if one works, else the CPU. Tolerances depend on its precision. */
  device?: Device | undefined;
  precision?: PrecisionName | undefined;
  /** Algorithm of the decoder's convolutions. Default: auto, the one predicted to be faster. */
  algorithm?: AlgorithmChoice | undefined;
  /** Folder of a text encoder with its real weights, for files that name an encoder without containing its weights. */
  encoder?: string | undefined;
  /** Fail a file if any of its tensors cannot be checked. */
  strict?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of a verifier, with the selected device. */
export type VerifierOptions = Omit<VerifyOptions, 'device' | 'precision'> & { device: DeviceUse };
