import type { ConditionTexts } from '../generator/condition-form.js';
import type { Interval } from './intervals.js';
import type { RowId } from './rows.js';
import type { Comparison, Verdict } from './verdict.js';

export const EVALUATION_VERSION = 1;

/** One kind of adapter on all tasks. */
export interface EvaluationRow {
  /** Which kind of adapter. */
  row: RowId;
  /** The kind in words, as the table has it. */
  label: string;
  /** Where the adapter is one of several: the name of its task. */
  of: string | null;
  /** Share of answers that are exactly right, 0 to 1: mean over tasks. */
  exactMatch: Interval;
  /** Mean ln p per token of the right answers, in nats: mean over tasks. */
  logLikelihood: Interval;
  /** Values by task, one for each draw. */
  tasks: Record<
    string,
    {
      /** Share of answers that are exactly right, 0 to 1. */
      exactMatch: number[];
      /** Mean ln p per token of the right answers, in nats. */
      logLikelihood: number[];
    }
  >;
}

/** What `dnd eval --json` prints. */
export interface EvaluationResult {
  /** Version of this layout. */
  formatVersion: typeof EVALUATION_VERSION;
  /** Package and version that made it. */
  createdBy: string;
  /** The generator, as it was named. */
  generator: string;
  /** The base model, as it was named. */
  base: string;
  /** Folder of the training LoRAs; null where they were not compared with. */
  pairs: string | null;
  /** What the generator was given of a task. Missing in results of older versions, all of prompts. */
  texts?: ConditionTexts;
  /** The tasks that adapters were tried on. */
  tasks: {
    /** Name of the task. */
    name: string;
    /** Number of texts that adapters are generated from. */
    prompts: number;
    /** Number of test items. */
    test: number;
  }[];
  /** Training LoRAs, one by one. */
  singles: {
    /** Number of those that were tried. */
    tried: number;
    /** Number of those that there are. */
    of: number;
  };
  /** Prompt sets drawn for each task. */
  draws: number;
  /** Random seed of draws, samples, controls and intervals. */
  seed: number;
  /** How answers were made. */
  answers: {
    /** Most new tokens of an answer. */
    maxNewTokens: number;
    /** System prompt; null: that of the chat template. */
    system: string | null;
    /** Whether prompts were continued as they are, without the chat template. */
    raw: boolean;
  };
  /** How intervals were made, in words. */
  method: string;
  /** The kinds of adapters, in the order of the table. */
  rows: EvaluationRow[];
  /** Generated adapters against every other row but the task's own and those of other numbers of texts. */
  comparisons: Comparison[];
  /**
   * Share that generated adapters reach of what the tasks' own LoRAs add to the joint one, (generated − joint) / (own −
   * joint) of exact matches. Missing where one of these was not measured, or where own is not above joint.
   */
  shareOfOwn?: Interval;
  /** What follows from the comparisons, in words. */
  verdict: Verdict;
  /** Sentences that a reader should know. */
  notes: string[];
  /** Wall-clock time. */
  seconds: number;
}
