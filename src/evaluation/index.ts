/** Adapters tried on tasks: generated ones, trained ones, controls, and what the comparison says. */
export type { ConditionTexts } from '../generator/condition-form.js';
export { checkBase } from './base.js';
export { type EvaluateOptions, evaluate } from './evaluate.js';
export type { Interval } from './intervals.js';
export { evaluationPage, intervalText } from './page.js';
export type { EvaluationResult, EvaluationRow } from './result.js';
export type { CountRowId, NamedRowId, RowId } from './rows.js';
export { type EvaluationTask, readTasks } from './tasks.js';
export type { Comparison, Verdict } from './verdict.js';
