import { Template } from '@huggingface/jinja';
import { DndError } from '../errors.js';
import { isObject } from '../validation/index.js';

/** One turn of a conversation. */
export interface ChatMessage {
  /** Whose turn it is. */
  role: 'system' | 'user' | 'assistant';
  /** The text of the turn. */
  content: string;
}

/**
 * The date that Llama's templates write into the system prompt. Today's would give the same prompt other tokens every
 * day; this is the default of the templates themselves.
 */
const DATE = '26 Jul 2024';

/** A model's chat template: messages → the text that the model was trained to continue. */
export class ChatTemplate {
  readonly #template: Template;

  /**
   * @param source in Jinja
   * @param tokens special tokens by name (`bos_token`, `eos_token` …), which templates refer to
   * @param folder of the model, for messages
   * @throws DndError UNSUPPORTED_BASE for a template that cannot be parsed
   */
  constructor(
    source: string,
    /** Special tokens by name (`bos_token`, `eos_token` …), which templates refer to. */
    readonly tokens: Readonly<Record<string, string>>,
    /** Folder of the model, for messages. */
    readonly folder: string,
  ) {
    try {
      this.#template = new Template(source);
    } catch (cause) {
      throw new DndError(
        'UNSUPPORTED_BASE',
        `${folder}: its chat template cannot be parsed: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /**
   * The text of a conversation, up to and including what introduces the assistant's next turn.
   * @throws DndError INVALID_ARGUMENT for messages that the template refuses, such as a system prompt
   */
  render(messages: readonly ChatMessage[]): string {
    const values = { messages, add_generation_prompt: true, tools: null, documents: null, date_string: DATE };
    try {
      return this.#template.render({ ...this.tokens, ...values });
    } catch (cause) {
      const roles = messages.map(({ role }) => role).join(', ');
      throw new DndError(
        'INVALID_ARGUMENT',
        `${this.folder}: its chat template cannot render these turns (${roles}): ${(cause as Error).message}. ` +
          'Leave the system prompt out, or give the prompts as raw text (raw)',
        { cause },
      );
    }
  }
}

/**
 * The source of a model's chat template: the file chat_template.jinja, else `chat_template` of tokenizer_config.json,
 * and of several templates the default one. undefined where the model has none.
 * @throws DndError CORRUPT_FILE
 */
export function findChatTemplate(
  file: string | undefined,
  tokenizerConfig: Readonly<Record<string, unknown>>,
  folder: string,
): string | undefined {
  if (file !== undefined) return file;
  const { chat_template: stored } = tokenizerConfig;
  if (stored === undefined || stored === null) return undefined;
  if (typeof stored === 'string') return stored;
  const named = Array.isArray(stored) ? stored.find((one) => isObject(one) && one.name === 'default') : undefined;
  if (typeof named?.template === 'string') return named.template;
  throw new DndError(
    'CORRUPT_FILE',
    `${folder}/tokenizer_config.json: chat_template is not valid; expected a text, or a list with a template named default`,
  );
}
