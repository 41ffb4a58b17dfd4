/** Metrics of one step; a line of metrics.jsonl. */
export interface TrainingStep {
  /** Counts from 1: number of optimiser steps done. */
  step: number;
  /**
   * Before the update: the mean over the valid elements of importance · (y − target)², with noise; or the behaviour loss;
   * or, of both, their weighted sum.
   */
  loss: number;
  /** Of the loss 'both': its parts, unweighted. */
  tokenLoss?: number;
  /**
   * Of a token of the responses, in nats: −ln p or, with the behaviour target 'checkpoints', the KL divergence of its
   * prediction from that with the checkpoint; absent for the loss 'tokens'.
   */
  behaviourLoss?: number;
  /** ‖generated‖ / ‖true‖ over the valid elements of the step's targets; null for the loss 'behaviour'. */
  normRatio: number | null;
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
  /** Of the generated adapters' answers; absent for the loss 'tokens'. */
  responses?: ResponseEvaluation[];
  seconds: number;
}

/** How the base with a task's generated adapter answers items of the task. */
export interface ResponseEvaluation {
  task: string;
  heldOut: 'task' | 'checkpoints' | 'none';
  items: number;
  /** −ln p of a token of the responses, in nats. */
  loss: number;
  /** Share of the items that are answered exactly. */
  exactMatch: number;
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
