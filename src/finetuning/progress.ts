/** Stages of a run besides its steps. */
export type FinetuneStage = 'load' | 'read';

/** A step of fine-tuning. */
export interface FinetuneStep {
  /** The task, or 'joint' for the joint run. */
  task: string;
  /** Number of the task's steps done. */
  step: number;
  /** Number of the task's steps in all. */
  steps: number;
  /** Steps of all tasks and the joint run together. */
  total: {
    /** Number of steps done. */
    step: number;
    /** Number of steps in all. */
    steps: number;
  };
  /** Mean over the batch's response tokens, in nats, before the step. */
  loss: number;
  /** Norm of the gradient over all weights of the adapter, before clipping. */
  gradientNorm: number;
  /** Learning rate of the step. */
  learningRate: number;
  /** Wall-clock time of the step. */
  seconds: number;
}

/** A finished task, or joint run. */
export interface FinishedTask {
  /** Name of the task, or 'joint'. */
  task: string;
  /** Number of its steps. */
  steps: number;
  /** Mean loss of its last steps: those to the checkpoints; of a joint run, the last tenth. */
  loss: number;
  /** Folder of the task. */
  path: string;
}

/** Callbacks of a run. */
export interface FinetuneCallbacks {
  /** Called with the fraction done of a stage, from 0 to 1, while the base and the data are read. */
  onProgress?: ((fraction: number, stage: FinetuneStage) => void) | undefined;
  /** Called after each step. */
  onStep?: ((step: FinetuneStep) => void) | undefined;
  /** Called with each finished task. */
  onTask?: ((task: FinishedTask) => void) | undefined;
}
