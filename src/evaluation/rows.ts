import type { ConditionTexts } from '../generator/condition-form.js';

/** The rows of an evaluation, in the order of its table. */
export const ROWS = {
  base: 'base model',
  joint: 'joint LoRA',
  meanOfTraining: 'mean of the training LoRAs',
  averageSingle: 'training LoRAs, average',
  nearestSingle: 'training LoRA with the nearest prompts',
  bestSingle: 'best training LoRA tried, chosen here',
  bestSingleEach: 'best training LoRA for each task',
  generated: 'generated',
  own: "the task's own LoRA",
  otherPrompts: "control: another task's prompts",
  shuffledPrompts: 'control: shuffled characters',
  randomCondition: 'control: random condition',
} as const;

/** Kinds of adapters in an evaluation: the base alone, adapters of training tasks, generated ones, controls. */
export type NamedRowId = keyof typeof ROWS;
/** Generated from so many texts of the task, whatever number the generator takes. */
export type CountRowId = `generatedFrom${number}`;
/** Rows of an evaluation's table. */
export type RowId = NamedRowId | CountRowId;

const ORDER = Object.keys(ROWS);
const COUNT_ROW = /^generatedFrom(\d+)$/;
export const CONTROLS: readonly NamedRowId[] = ['otherPrompts', 'shuffledPrompts', 'randomCondition'];

/** @param count texts of the task */
export function countRow(count: number): CountRowId {
  return `generatedFrom${count}`;
}

/** The number of texts in a `CountRowId`; undefined for another row. */
function countOf(row: RowId): number | undefined {
  const found = COUNT_ROW.exec(row);
  return found ? Number(found[1]) : undefined;
}

/** @param texts what the generator is given of a task */
export function labelOf(row: RowId, texts: ConditionTexts): string {
  const count = countOf(row);
  if (count === undefined) return inTermsOf(ROWS[row as NamedRowId], texts);
  return `generated from ${count} ${count === 1 ? texts.slice(0, -1) : texts}`;
}

/** Words about prompts, as words about what the generator is given. */
export function inTermsOf(words: string, texts: ConditionTexts): string {
  return words.replace('prompts', texts);
}

/** Whether one row is above another in the table: those of counts follow `generated`, the smallest first. */
export function compareRows(one: RowId, other: RowId): number {
  const place = (row: RowId) => ORDER.indexOf(countOf(row) === undefined ? row : 'generated');
  return place(one) - place(other) || (countOf(one) ?? 0) - (countOf(other) ?? 0);
}
