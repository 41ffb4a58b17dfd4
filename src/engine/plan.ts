import { addon, cpuInfo } from './addon.js';
import type { Feature } from './decoder.js';
import { callNative } from './errors.js';
import type { AlgorithmChoice, DecoderPlan, InstructionSet } from './native.js';

/** Those with committed rates (native/plan/rates.cc). */
export const INSTRUCTION_SETS: readonly InstructionSet[] = ['baseline', 'avx2', 'avx512'];

export const ALGORITHM_CHOICES: readonly AlgorithmChoice[] = ['auto', 'direct', 'spectral'];

export interface PlanOptions {
  /** The condition's shape first (after any length projection), the weight tokens' last. */
  features: readonly Feature[];
  /** Odd size of every convolution kernel. */
  kernelSize: number;
  /** Tasks that go through the decoder together; default: 1. */
  batch?: number | undefined;
  /** Default: the one in use on this machine. */
  instructionSet?: InstructionSet | undefined;
  /** Default: auto, whatever is predicted to be faster. */
  algorithm?: AlgorithmChoice | undefined;
  /** Most that a convolution may work in, beside its operands; default: 1 GiB. */
  workspaceBytes?: number | undefined;
}

/**
 * What each convolution of a decoder does: algorithm, tiles, work, bytes, predicted time, and why nothing else. No
 * convolution is computed and no weights are needed; the same options give the same plan on every machine.
 *
 * Throws INVALID_ARGUMENT, for a spectral convolution that cannot be too, or ADDON_UNAVAILABLE.
 */
export function planDecoder(options: PlanOptions): DecoderPlan {
  const { features, kernelSize, batch = 1, algorithm = 'auto', workspaceBytes = 0 } = options;
  const instructionSet = options.instructionSet ?? cpuInfo().isa;
  const native = { features: features.flat(), kernelSize, batch, instructionSet, algorithm, workspaceBytes };
  return callNative(() => addon().planDecoder(native));
}
