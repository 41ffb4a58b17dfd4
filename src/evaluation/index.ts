/** Adapters tried on tasks: generated ones, trained ones, controls, and what the comparison says. */
export { checkBase } from './base.js';
export { type EvaluateOptions, evaluate } from './evaluate.js';
export { evaluationPage, intervalText } from './page.js';
export type { EvaluationResult, EvaluationRow } from './result.js';
export type { RowId } from './rows.js';
export { type EvaluationTask, readTasks } from './tasks.js';
export type { Comparison, Verdict } from './verdict.js';
