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
  | 'decoderOutput'
  | 'lengthProjection'
  | 'bertHiddenStates'
  | 'realEncoderHiddenStates'
  | 'causalLogits'
  | 'causalHiddenStates',
  number
>;

/** For float16 operands, by `precision` mixed, and bfloat16 operands; sums are in float32. Language models have no mixed. */
const ROUNDED = {
  mixed: { ...TOLERANCES, lengthProjection: 1e-3, bertHiddenStates: 2e-3, realEncoderHiddenStates: 2e-3 },
  bf16: {
    lengthProjection: 5e-3,
    bertHiddenStates: 1e-2,
    realEncoderHiddenStates: 1e-2,
    causalLogits: 1e-2,
    causalHiddenStates: 1e-2,
  },
} as const;
/** Rounding errors of spectra add up over the layers. */
const ROUNDED_DECODER = {
  mixed: { upToFourLayers: 1e-3, deeper: 2e-3 },
  bf16: { upToFourLayers: 1e-2, deeper: 2e-2 },
} as const;
const FOUR = 4;

/** Tolerances that depend on the device's precision. @param layers of a decoder */
export function tolerancesOn({ precision }: Pick<DeviceUse, 'precision'>, layers = 0): DeviceTolerances {
  if (precision === 'fp32') return TOLERANCES;
  const { upToFourLayers, deeper } = ROUNDED_DECODER[precision];
  return { ...ROUNDED[precision], decoderOutput: layers <= FOUR ? upToFourLayers : deeper };
}

const ROUND_TRIP_STD = 0.04;

/**
 * A standard deviation near zero is partly lost in the margins' logarithm, so smaller weights are reconstructed less
 * exactly.
 */
export function roundTripTolerance(std: number): number {
  return std > 0 ? TOLERANCES.roundTrip * Math.max(1, ROUND_TRIP_STD / std) : TOLERANCES.roundTrip;
}
