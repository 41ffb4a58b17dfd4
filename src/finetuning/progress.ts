/** Stages of a run besides its steps. */
export type FinetuneStage = 'load' | 'read';

/** A step of fine-tuning. */
export interface FinetuneStep {
  /** The task, or 'joint' for the joint run. */
  task: string;
  /** Done of the task's steps. */
  step: number;
  steps: number;
  /** Of all tasks and the joint run together. */
  total: { step: number; steps: number };
  /** Mean over the batch's response tokens, in nats, before the step. */
  loss: number;
  /** Before clipping. */
  gradientNorm: number;
  learningRate: number;
  seconds: number;
}

/** A finished task, or joint run. */
export interface FinishedTask {
  task: string;
  steps: number;
  /** Mean loss of its last steps: those to the checkpoints; of a joint run, the last tenth. */
  loss: number;
  /** Its folder. */
  path: string;
}

/** Callbacks of a run. */
export interface FinetuneCallbacks {
  onProgress?: ((fraction: number, stage: FinetuneStage) => void) | undefined;
  onStep?: ((step: FinetuneStep) => void) | undefined;
  /** Called with each finished task. */
  onTask?: ((task: FinishedTask) => void) | undefined;
}
