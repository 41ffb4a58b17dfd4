import { DndError } from '../errors.js';
import { DESCRIPTION_FORM } from '../generator/condition-form.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { Task } from './pairs/types.js';
import { nameNumber, STREAMS } from './streams.js';

/** What becomes the condition: a part of each item, or the descriptions of the task. */
export const FORMS = ['prompt', 'prompt+answer', 'answer', 'mix', DESCRIPTION_FORM] as const;
export type ConditionForm = (typeof FORMS)[number];

/** Share of items that 'mix' uses with their responses, as in the published code. */
const MIX_SHARE = 0.2;
const MIX_PARTS = 2 ** 32;

/**
 * The texts of a task to encode, one per item: its prompt; "prompt" + "answer: " + "response" with nothing between; its
 * response; or 'mix': the prompt, with the answer too at probability 0.2, drawn once per item. Or its descriptions.
 * @throws DndError INVALID_PROMPTS for a form that needs a response if an item has none, and for a task without
 * descriptions if the form is of these
 */
export function conditionTexts(
  { name, items, descriptions }: Pick<Task, 'name' | 'items' | 'descriptions'>,
  form: ConditionForm,
  seed: number,
): readonly string[] {
  if (form === DESCRIPTION_FORM) {
    if (descriptions) return descriptions;
    throw new DndError(
      'INVALID_PROMPTS',
      `the form '${form}' needs descriptions of every task, and task ${name} has none; put descriptions.json into its folder, a list of texts that each describe the task`,
    );
  }
  if (form === 'prompt') return items.map(({ prompt }) => prompt);
  const missing = items.findIndex(({ response }) => response === '');
  if (missing >= 0 && form !== 'mix')
    throw new DndError(
      'INVALID_PROMPTS',
      `the form '${form}' needs a response for every prompt, and item ${missing + 1} of task ${name} has none; ` +
        "add it, or choose the form 'prompt' or 'mix'",
    );
  if (form === 'answer') return items.map(({ response }) => response);
  if (form === 'prompt+answer') return items.map(withAnswer);
  const random = SplitMix64.derived(seed, STREAMS.mix, nameNumber(name));
  return items.map((item) => {
    const answered = random.below(MIX_PARTS) < MIX_SHARE * MIX_PARTS && item.response !== '';
    return answered ? withAnswer(item) : item.prompt;
  });
}

function withAnswer({ prompt, response }: Task['items'][number]): string {
  return `${prompt}answer: ${response}`;
}
