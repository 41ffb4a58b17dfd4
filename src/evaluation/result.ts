import type { ConditionTexts } from '../generator/condition-form.js';
import type { Interval } from './intervals.js';
import type { RowId } from './rows.js';
import type { Comparison, Verdict } from './verdict.js';

export const EVALUATION_VERSION = 1;

/** One kind of adapter on all tasks. */
export interface EvaluationRow {
  row: RowId;
  label: string;
  /** Where the adapter is one of several: the name of its task. */
  of: string | null;
  exactMatch: Interval;
  logLikelihood: Interval;
  /** By task, one value for each draw. */
  tasks: Record<string, { exactMatch: number[]; logLikelihood: number[] }>;
}

/** What `dnd eval --json` prints. */
export interface EvaluationResult {
  formatVersion: typeof EVALUATION_VERSION;
  createdBy: string;
  generator: string;
  base: string;
  /** Folder of the training LoRAs; null where they were not compared with. */
  pairs: string | null;
  /** What the generator was given of a task. Missing in results of older versions, all of prompts. */
  texts?: ConditionTexts;
  /** `prompts`: how many of these the task has. */
  tasks: { name: string; prompts: number; test: number }[];
  /** Training LoRAs that were tried, and how many there are. */
  singles: { tried: number; of: number };
  draws: number;
  seed: number;
  /** How answers were made. */
  answers: { maxNewTokens: number; system: string | null; raw: boolean };
  /** How intervals were made, in words. */
  method: string;
  rows: EvaluationRow[];
  /** Generated adapters against every other row but the task's own and those of other numbers of texts. */
  comparisons: Comparison[];
  /**
   * Of exact matches, (generated − joint) / (own − joint): the share that generated adapters reach of what the tasks' own
   * LoRAs add to the joint one. Missing where one of these was not measured, or where own is not above joint.
   */
  shareOfOwn?: Interval;
  verdict: Verdict;
  notes: string[];
  seconds: number;
}
