import { DndError } from '../errors.js';
import { errorMessage, isText } from '../validation/index.js';

/** How the items of a prompt file are read, where the table of fields is not enough. */
export interface PromptFields {
  /**
   * The field, or column, with the prompt. A list of turns is read as a conversation. Several names, separated by commas,
   * are joined by line breaks. Default: found by the table of fields.
   */
  promptField?: string | undefined;
  /** The field, or column, with the response. Default: found by the table of fields. */
  responseField?: string | undefined;
  /** Put before every prompt, with a line break. System prompts in files are not used. Default: none. */
  system?: string | undefined;
}

/** Of the options by which commands take them. */
export const FIELD_DESCRIPTIONS: Readonly<Record<keyof PromptFields, string>> = {
  promptField:
    'field or column with the prompt in prompt files; several, comma-separated, are joined by line breaks (default: found by its name)',
  responseField: 'field or column with the response in prompt files (default: found by its name)',
  system: 'text to put before every prompt, on a line of its own; system prompts in files are not used',
};

/** @throws DndError INVALID_ARGUMENT */
export function checkFields(fields: PromptFields): PromptFields {
  const { promptField, responseField, system } = fields;
  for (const [name, value] of Object.entries({ promptField, responseField, system }))
    if (value !== undefined && !(isText(value) && !value.includes('\0')))
      throw new DndError(
        'INVALID_ARGUMENT',
        errorMessage({ what: name, problem: 'is not valid', expected: 'a text that is not empty', got: value }),
      );
  return fields;
}

/** What a prompt file is read with at every place: for messages, and the fields asked for. */
export interface Context {
  /** A file, or "standard input". */
  source: string;
  fields: PromptFields;
}

/** The way out of every ambiguity. */
export const NAME_PROMPT_FIELD = 'Name the field with the prompt: --prompt-field <name> (promptField)';
export const NAME_RESPONSE_FIELD = 'Name the field with the response: --response-field <name> (responseField)';
