/** The rows of an evaluation, in the order of its table. */
export const ROWS = {
  base: 'base model',
  joint: 'joint LoRA',
  meanOfTraining: 'mean of the training LoRAs',
  averageSingle: 'training LoRAs, average',
  nearestSingle: 'training LoRA with the nearest prompts',
  bestSingle: 'best training LoRA tried, chosen here',
  generated: 'generated',
  own: "the task's own LoRA",
  otherPrompts: "control: another task's prompts",
  shuffledPrompts: 'control: shuffled characters',
  randomCondition: 'control: random condition',
} as const;

export type RowId = keyof typeof ROWS;
export const ROW_IDS = Object.keys(ROWS) as RowId[];
export const CONTROLS: readonly RowId[] = ['otherPrompts', 'shuffledPrompts', 'randomCondition'];
