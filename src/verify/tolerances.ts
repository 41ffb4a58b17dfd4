import type { DeviceUse } from '../engine/index.js';

/**
 * The largest relative error ‖ours − reference‖ / ‖reference‖ that passes, for each quantity that `dnd verify` checks:
 * float32 against references computed in float64.
 */
export const TOLERANCES = {
  decoderOutput: 1e-5,
  /** Of every parameter. */
  gradients: 1e-4,
  /** Of a run, over all its steps, and of its final parameters. */
  losses: 1e-4,
  learningRates: 1e-4,
  gradientNorms: 1e-4,
  trainedParameters: 1e-4,
  tokenImportance: 1e-5,
  lengthProjection: 1e-5,
  weightTokens: 1e-6,
  reconstructedWeights: 1e-5,
  /** For weights of standard deviation 0.04 and more; see `roundTripTolerance`. */
  roundTrip: 1e-6,
  bertHiddenStates: 1e-5,
  hashHiddenStates: 1e-6,
  /** A real encoder with its real weights, on real prompts. */
  realEncoderHiddenStates: 1e-4,
  causalLogits: 1e-5,
  causalHiddenStates: 1e-5,
  causalLoss: 1e-5,
  /** Token ids and masks. */
  exact: 0,
} as const;

/** Why gradients and training runs are skipped elsewhere. */
export const ONLY_CPU_TRAINS = 'training runs on the CPU only. Use --device cpu';

type DeviceTolerances = Record<
  'decoderOutput' | 'lengthProjection' | 'bertHiddenStates' | 'realEncoderHiddenStates',
  number
>;

/** For float16 operands and float32 sums (`precision` mixed). */
const MIXED = { lengthProjection: 1e-3, bertHiddenStates: 2e-3, realEncoderHiddenStates: 2e-3 } as const;
/** Rounding errors of spectra add up over the layers. */
const MIXED_DECODER = { upToFourLayers: 1e-3, deeper: 2e-3 } as const;
const FOUR = 4;

/** Device-dependent tolerances. @param layers of a decoder */
export function tolerancesOn({ precision }: Pick<DeviceUse, 'precision'>, layers = 0): DeviceTolerances {
  if (precision === 'fp32') return TOLERANCES;
  return { ...MIXED, decoderOutput: layers <= FOUR ? MIXED_DECODER.upToFourLayers : MIXED_DECODER.deeper };
}

const ROUND_TRIP_STD = 0.04;

/**
 * A standard deviation near zero is partly lost in the margins' logarithm, so smaller weights are reconstructed less
 * exactly.
 */
export function roundTripTolerance(std: number): number {
  return std > 0 ? TOLERANCES.roundTrip * Math.max(1, ROUND_TRIP_STD / std) : TOLERANCES.roundTrip;
}
