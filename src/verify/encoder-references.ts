/** The possible references of an encoder file, each with its pooling. */
export const ENCODER_REFERENCES = [
  ['hidden_states', 'none'],
  ['pooled_mean', 'mean'],
  ['pooled_cls', 'cls'],
] as const;
