/**
 * The largest relative error ‖ours − reference‖ / ‖reference‖ that counts as right, for each quantity that `dnd verify`
 * checks: float32 against references computed in float64.
 */
export const TOLERANCES = {
  decoderOutput: 1e-5,
  lengthProjection: 1e-5,
  weightTokens: 1e-6,
  restoredWeights: 1e-5,
  /** For weights of standard deviation 0.04 and more; see `roundTripTolerance`. */
  roundTrip: 1e-6,
  bertStates: 1e-5,
  hashStates: 1e-6,
  /** A real encoder with its real weights, on real prompts. */
  realEncoderStates: 1e-4,
  /** Token ids and masks. */
  exact: 0,
} as const;

const ROUND_TRIP_STD = 0.04;

/**
 * A standard deviation near zero is partly lost in the margins' logarithm, so smaller weights come back less exactly.
 */
export function roundTripTolerance(std: number): number {
  return std > 0 ? TOLERANCES.roundTrip * Math.max(1, ROUND_TRIP_STD / std) : TOLERANCES.roundTrip;
}
