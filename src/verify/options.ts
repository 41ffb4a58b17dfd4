import type { AlgorithmChoice, Device, DeviceUse } from '../engine/index.js';

export interface VerifyOptions {
  threads?: number | undefined;
  /** Default: auto, a CUDA device that works, and otherwise the CPU. What is compared allows for its precision. */
  device?: Device | undefined;
  precision?: 'fp32' | undefined;
  /** How the decoder's convolutions are computed. Default: auto, whatever is predicted to be faster. */
  algorithm?: AlgorithmChoice | undefined;
  /** Folder of a text encoder with its real weights, for files that name theirs instead of holding them. */
  encoder?: string | undefined;
  /** A tensor that cannot be checked fails its file. */
  strict?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** What a verifier is told: the device was chosen. */
export type VerifierOptions = Omit<VerifyOptions, 'device' | 'precision'> & { device: DeviceUse };
