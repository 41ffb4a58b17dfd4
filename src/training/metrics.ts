/** What a run tells of one step; a line of metrics.jsonl. */
export interface TrainingStep {
  /** From 1: the optimiser has done so many steps. */
  step: number;
  /** Mean over the valid elements of importance · (y − target)², with noise, before the update. */
  loss: number;
  /** ‖generated‖ / ‖true‖ over the valid elements of the step's targets. */
  normRatio: number;
  /** Before clipping. */
  gradientNorm: number;
  learningRate: number;
  /** Mean loss of each task that was in the step. */
  taskLosses: Record<string, number>;
  /** Wall-clock; not compared on resume. */
  seconds: number;
  /** Of these, waiting for data: sampling, encoding, reading. */
  dataSeconds: number;
}

/** How generated weight tokens compare with true ones. */
export interface Fit {
  loss: number;
  normRatio: number;
  /** ⟨generated, true⟩ / (‖generated‖ · ‖true‖) */
  cosine: number;
}

/** One evaluation; a line of metrics.jsonl, told from a step by `evaluation`. */
export interface Evaluation {
  /** Steps done before it. */
  evaluation: number;
  tasks: TaskEvaluation[];
  /** Over all checkpoints that were evaluated, for each layer and projection: what `dnd report` shows as a heat map. */
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
   * 'task': no checkpoint of it is trained on; 'checkpoints': of a training task, checkpoints that are kept out; 'none':
   * checkpoints that are trained on, only where nothing is held out at all.
   */
  heldOut: 'task' | 'checkpoints' | 'none';
  checkpoints: number;
  /** By projection: q_proj, …, in the layout's order. */
  modules: Record<string, Fit>;
}
