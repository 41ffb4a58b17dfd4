/** Shown with an untrained generator and anything it generated. */
export const UNTRAINED =
  'this generator is untrained: its decoder holds seeded random numbers, so its adapters have the right shapes but specialise nothing';
