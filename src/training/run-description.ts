import type { GeneratorManifest } from '../generator/manifest.js';

/** In a run's folder, beside METRICS_FILE. */
export const RUN_FILE = 'run.json';
/** A `TrainingStep` or an `Evaluation` on each line. */
export const METRICS_FILE = 'metrics.jsonl';

/** run.json: what a run is made from. Written when the run begins; `dnd report` reads it. */
export interface RunDescription extends Omit<GeneratorManifest, 'formatVersion' | 'training'> {
  formatVersion: 1;
  /** Of the decoder. */
  parameters: number;
  weightTokens: { count: number; height: number; width: number };
  pairs: {
    folder: string;
    digest: string;
    tasks: {
      name: string;
      heldOut: boolean;
      prompts: number;
      /** All of them. */
      checkpoints: number;
      /** Of these, kept out of training and evaluated. */
      heldOutCheckpoints: number;
    }[];
    /** Checkpoints that could not be used. */
    skipped: number;
  };
  /** Every setting of the run by the name that a configuration file has for it; `steps` is how many there are to be. */
  settings: Record<string, unknown> & { steps: number };
}
