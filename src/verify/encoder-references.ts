/** What a file of the encoder kind may hold as references, each with the pooling that makes it. */
export const ENCODER_REFERENCES = [
  ['hidden_states', 'none'],
  ['pooled_mean', 'mean'],
  ['pooled_cls', 'cls'],
] as const;
