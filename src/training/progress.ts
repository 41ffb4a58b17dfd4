/** Stages of a run besides its steps. */
export type TrainingStage =
  | 'pairs'
  | 'load'
  | 'base'
  | 'responses'
  | 'normalisation'
  | 'components'
  | 'basis'
  | 'importance'
  | 'encode'
  | 'initialise'
  | 'evaluate'
  | 'save';

/** Called with the fraction of that stage done. */
export type OnTrainingProgress = (fraction: number, stage: TrainingStage) => void;
