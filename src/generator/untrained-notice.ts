/** What is said wherever an untrained generator, or something it made, is shown. */
export const UNTRAINED =
  'this generator is untrained: its decoder holds seeded random numbers, so its adapters have the right shapes but specialise nothing';
