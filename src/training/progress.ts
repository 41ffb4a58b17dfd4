/** What a run is busy with beside its steps. */
export type TrainingStage = 'pairs' | 'load' | 'importance' | 'encode' | 'initialise' | 'evaluate' | 'save';

/** Called with the fraction of that stage which is done. */
export type OnTrainingProgress = (fraction: number, stage: TrainingStage) => void;
