/** Prompt–checkpoint pairs: reading and checking them, the weight tokens of a checkpoint, token importance. */

export type { PromptItem } from '../../prompts/index.js';
export { mismatchTable } from './agreement.js';
export { tokenImportance } from './importance.js';
export { type ImportanceOptions, importanceOf, type PairsImportance } from './importance-of.js';
export { meaninglessTask } from './meaning.js';
export {
  describeProblem,
  examinePairs,
  LAYOUTS_DIFFER,
  type OpenPairsOptions,
  openPairs,
  type PairsExamination,
  pairsLayout,
} from './open.js';
export { principalDirections } from './principal-directions.js';
export { residualOf } from './residual-of.js';
export {
  type PairsStatistics,
  type PairsStatisticsOptions,
  pairsStatistics,
  type Spread,
  type TaskStatistics,
} from './statistics.js';
export { readElements, readTarget, readTokens, readWeights } from './target.js';
export { RAW_WEIGHTS, TARGETS, type TargetKind, type TargetWeights, targetWeights } from './target-weights.js';
export type { TaskImportance } from './task-importance.js';
export type {
  Checkpoint,
  CheckpointProblem,
  DegenerateWeights,
  PairItem,
  Pairs,
  PairsAdapter,
  PairsProblem,
  ReadTarget,
  ReadWeights,
  Task,
  WeightStatistics,
} from './types.js';
