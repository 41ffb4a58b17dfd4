/** Metrics of one step; a line of metrics.jsonl. */
export interface TrainingStep {
  /** Counts from 1: number of optimiser steps done. */
  step: number;
  /** Mean over the valid elements of importance · (y − target)², with noise, before the update. */
  loss: number;
  /** ‖generated‖ / ‖true‖ over the valid elements of the step's targets. */
  normRatio: number;
  /** Gradient norm before clipping. */
  gradientNorm: number;
  learningRate: number;
  /** Mean loss of each task in the step. */
  taskLosses: Record<string, number>;
  /** Wall-clock time; not compared on resume. */
  seconds: number;
  /** Part of it spent waiting for data: sampling, encoding, reading. */
  dataSeconds: number;
}

/** Comparison of generated with true weight tokens. */
export interface Fit {
  loss: number;
  normRatio: number;
  /** ⟨generated, true⟩ / (‖generated‖ · ‖true‖) */
  cosine: number;
}

/** One evaluation; a line of metrics.jsonl, distinguished from a step by `evaluation`. */
export interface Evaluation {
  /** Number of steps done before it. */
  evaluation: number;
  tasks: TaskEvaluation[];
  /** Over all evaluated checkpoints, for each layer and projection: the heat map of `dnd report`. */
  cells: Cell[];
  seconds: number;
}

export interface Cell extends Omit<Fit, 'loss'> {
  layer: number;
  /** q_proj, … */
  module: string;
}

export interface TaskEvaluation extends Fit {
  task: string;
  /**
   * 'task': a held-out task; 'checkpoints': held-out checkpoints of a training task; 'none': training checkpoints, only
   * if nothing is held out.
   */
  heldOut: 'task' | 'checkpoints' | 'none';
  checkpoints: number;
  /** By projection: q_proj, …, in the layout's order. */
  modules: Record<string, Fit>;
}
