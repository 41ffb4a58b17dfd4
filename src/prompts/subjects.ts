import { quote } from '../validation/index.js';
import type { NamedFields } from './named-fields.js';
import { CHOICE_FIELDS, PASSAGE_FIELDS } from './names.js';
import { isBlank } from './problems.js';

/**
 * A question about a passage means nothing without the passage, nor one of several choices without these.
 * @param prompt what is read from `fields`; it may have its subject in itself
 * @param own fields that are read with it, in their normalised names
 * @throws DndError INVALID_PROMPTS for a field that may be its subject, with the options that decide
 */
export function requireSubject(
  item: NamedFields,
  { prompt, fields }: { prompt: string; fields: readonly string[] },
  own: readonly string[] = [],
): void {
  const present = (names: readonly string[]) =>
    names.filter((name) => !own.includes(name) && isPresent(item.get(name)));
  const [passages, choices] = [present(PASSAGE_FIELDS), present(CHOICE_FIELDS)];
  const subjects = [...passages, ...choices];
  if (subjects.every((name) => isWithin(item.get(name), prompt))) return;
  const spelt = (names: readonly string[]) => names.map((name) => item.spelling(name));
  const asked = [...spelt(passages), ...fields, ...spelt(choices)].join(',');
  const joinable = subjects.every((name) => textsIn(item.get(name)) !== undefined);
  const [it, does] = subjects.length === 1 ? ['it', 'it does'] : ['them', 'they do'];
  throw item.invalid(
    `is ambiguous: beside ${fields.map(quote).join(' with ')} it has ${spelt(subjects).map(quote).join(', ')}, which may belong to the prompt`,
    `${joinable ? `Join them: --prompt-field ${asked}, or` : `If ${does} not,`} leave ${it} out: --prompt-field ${fields.join(',')} (promptField)`,
  );
}

/** Has something in it. */
function isPresent(value: unknown): boolean {
  if (typeof value === 'string') return !isBlank(value);
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined;
}

function isWithin(value: unknown, prompt: string): boolean {
  return textsIn(value)?.every((text) => prompt.includes(text.trim())) ?? false;
}

/** A text, or a list of texts; undefined for anything else. */
function textsIn(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  return isTextList(value) ? value : undefined;
}

/** A list of texts, which a prompt may consist of. */
export function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string');
}
