/** Metrics of one step; a line of metrics.jsonl. */
export interface TrainingStep {
  /** Counts from 1: number of optimiser steps done. */
  step: number;
  /**
   * Loss before the update: the mean over the valid elements of importance · (y − target)², with noise; or the behaviour loss;
   * or, of both, their weighted sum or, with `tokenSteps`, that of the step's turn.
   */
  loss: number;
  /** Mean of the token loss alone, unweighted, where the loss is 'both' and the step minimises it; absent otherwise. */
  tokenLoss?: number;
  /**
   * Mean loss of a token of the responses, in nats: −ln p or, with the behaviour target 'checkpoints', the KL divergence of its
   * prediction from that with the checkpoint; absent where the step does not minimise it.
   */
  behaviourLoss?: number;
  /** ‖generated‖ / ‖true‖ over the valid elements of the step's targets; null where the step minimises the behaviour loss alone. */
  normRatio: number | null;
  /** Gradient norm before clipping. */
  gradientNorm: number;
  /** Learning rate of the step. */
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
  /** Mean over the valid elements of importance · (generated − true)². */
  loss: number;
  /** ‖generated‖ / ‖true‖ */
  normRatio: number;
  /** ⟨generated, true⟩ / (‖generated‖ · ‖true‖) */
  cosine: number;
}

/** One evaluation; a line of metrics.jsonl, distinguished from a step by `evaluation`. */
export interface Evaluation {
  /** Number of steps done before it. */
  evaluation: number;
  /** The evaluated tasks; empty for the loss 'behaviour'. */
  tasks: TaskEvaluation[];
  /** Over all evaluated checkpoints, for each layer and projection: the heat map of `dnd report`. */
  cells: Cell[];
  /** How the generated adapters answer; absent for the loss 'tokens'. */
  responses?: ResponseEvaluation[];
  /** Wall-clock time. */
  seconds: number;
}

/** How the base with a task's generated adapter answers items of the task. */
export interface ResponseEvaluation {
  /** Name of the task. */
  task: string;
  /** As of `TaskEvaluation`. */
  heldOut: 'task' | 'checkpoints' | 'none';
  /** Number of items. */
  items: number;
  /** −ln p of a token of the responses, in nats. */
  loss: number;
  /** Share of the items that are answered exactly. */
  exactMatch: number;
}

/** The fit of one projection in one layer. */
export interface Cell extends Omit<Fit, 'loss'> {
  /** Index of the layer, from 0. */
  layer: number;
  /** Name of the projection: q_proj, … */
  module: string;
}

/** The fit of one task. */
export interface TaskEvaluation extends Fit {
  /** Name of the task. */
  task: string;
  /**
   * 'task': a held-out task; 'checkpoints': held-out checkpoints of a training task; 'none': training checkpoints, only
   * if nothing is held out.
   */
  heldOut: 'task' | 'checkpoints' | 'none';
  /** Number of checkpoints that it was compared with. */
  checkpoints: number;
  /** The fit by projection: q_proj, …, in the layout's order. */
  modules: Record<string, Fit>;
}
