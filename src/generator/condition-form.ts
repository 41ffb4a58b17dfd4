import { DndError } from '../errors.js';
import { quote } from '../validation/index.js';
import type { GeneratorManifest } from './manifest-types.js';

/** The form of a condition of texts that describe the task. Those of all other forms are made of the task's items. */
export const DESCRIPTION_FORM = 'description';

/** What a generator is given of a task. */
export type ConditionTexts = 'prompts' | 'descriptions';

/** What a generator was trained on; null if it does not say. */
export function textsWanted({ training }: Pick<GeneratorManifest, 'training'>): ConditionTexts | null {
  if (training.form === undefined) return null;
  return training.form === DESCRIPTION_FORM ? 'descriptions' : 'prompts';
}

/**
 * Refuses to generate from prompts what was trained on descriptions, and the reverse: the adapter would mean nothing.
 * @param source the generator, as it was named
 * @throws DndError INVALID_ARGUMENT
 */
export function requireTexts(
  manifest: Pick<GeneratorManifest, 'training'>,
  given: ConditionTexts,
  source: string,
): void {
  const wanted = textsWanted(manifest);
  if (wanted === null || wanted === given) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `the generator ${source} was trained on ${wanted} of tasks, with the form ${quote(manifest.training.form!)}; expected ${wanted} of the task, got ${given}. Give it ${wanted}, or take a generator for ${given}`,
  );
}
