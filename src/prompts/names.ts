import { nearest } from '../validation/index.js';

/** The one table of roles and fields by which every form of prompt file is read; docs/prompts-and-encoders.md shows it. */

export type Role = 'user' | 'assistant' | 'system' | 'tool';

/** Names of a turn's author: ShareGPT, OpenAI, Gemini, LLaMA-Factory and Axolotl. */
const ROLES: Readonly<Record<Role, readonly string[]>> = {
  user: ['user', 'human', 'prompter'],
  assistant: ['assistant', 'gpt', 'model', 'bot', 'chatgpt', 'ai'],
  system: ['system', 'developer'],
  tool: [
    ...['tool', 'tool_call', 'tool_calls', 'tool_response', 'tool_result'],
    ...['function', 'function_call', 'function_response', 'observation', 'ipython'],
  ],
};

/** Keys of a turn. */
export const AUTHOR_KEYS = ['from', 'role'] as const;
export const CONTENT_KEYS = ['value', 'content', 'parts'] as const;

/** Fields with a conversation: a list of turns. */
export const CONVERSATION_FIELDS = ['conversations', 'conversation', 'messages'] as const;
/**
 * Fields with a prompt, each by itself: a text, or a list of turns. `text` is last because in some files it is what the
 * others are in a chat template.
 */
export const PROMPT_FIELDS = ['prompt', 'question', 'query', 'input', 'text'] as const;
export const RESPONSE_FIELDS = ['response', 'answer', 'output', 'completion'] as const;
/** Alpaca's field, and what it is applied to. Dolly calls that `context`. */
export const INSTRUCTION_FIELD = 'instruction';
export const INSTRUCTION_INPUTS = ['input', 'context'] as const;
/** Earlier turns of an Alpaca item: pairs of instruction and output. */
export const HISTORY_FIELD = 'history';
/** What a question beside it is about. */
export const PASSAGE_FIELDS = [
  ...['context', 'contexts', 'passage', 'passages', 'document', 'documents', 'article', 'paragraph', 'paragraphs'],
  ...['story', 'premise'],
] as const;
/** What a question beside them chooses from: lists, or a field for each choice, as in MMLU, MedMCQA and COPA. */
export const CHOICE_FIELDS = [
  ...['choices', 'options', 'endings', 'a', 'b', 'c', 'd', 'e', 'opa', 'opb', 'opc', 'opd', 'ope'],
  ...['option_a', 'option_b', 'option_c', 'option_d', 'option_e', 'choice1', 'choice2', 'choice3', 'choice4'],
] as const;

/** Keys of a JSON object under which the list of items is. */
export const LIST_FIELDS = ['prompts', 'data', 'items', 'examples', 'instances', 'rows', 'train'] as const;
/** Keys under which data sets keep what a model is evaluated with, which are no prompts to generate from. */
export const HELD_OUT_FIELDS = ['test', 'validation', 'valid', 'val', 'dev', 'eval'] as const;

/** Fields by which an item is recognised. */
const ITEM_FIELDS: readonly string[] = [...CONVERSATION_FIELDS, ...PROMPT_FIELDS, INSTRUCTION_FIELD];

/** Header cells that are no prompt, although a lone column of them would be read as one. */
const OTHER_HEADINGS = [
  ...['id', 'index', 'label', 'target', 'solution', 'system', 'user', 'human', 'assistant', 'title', 'sentence'],
  ...['content', 'message', 'problem', 'task', 'body', 'description'],
];

/** Two spellings of a field or role that mean the same. */
export function normalisedName(name: string): string {
  if (/^[a-z_]*$/.test(name)) return name;
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
}

const ROLE_OF = new Map(
  Object.entries(ROLES).flatMap(([role, names]) => names.map((name) => [name, role as Role] as const)),
);

/** undefined for a name that is not known. */
export function roleOf(author: unknown): Role | undefined {
  return typeof author === 'string' ? ROLE_OF.get(normalisedName(author)) : undefined;
}

/** For messages. */
export const KNOWN_ROLES = Object.entries(ROLES)
  .map(([role, names]) => `${role} (${names.join(', ')})`)
  .join(', ');

export function isItemField(name: string): boolean {
  return ITEM_FIELDS.includes(normalisedName(name));
}

export function isResponseField(name: string): boolean {
  return (RESPONSE_FIELDS as readonly string[]).includes(normalisedName(name));
}

/** Whether a field means anything for an item: its prompt, its response, or what they belong to. */
export function isKnownField(name: string): boolean {
  const others: readonly string[] = [...PASSAGE_FIELDS, ...CHOICE_FIELDS, HISTORY_FIELD];
  return isItemField(name) || isResponseField(name) || others.includes(normalisedName(name));
}

/** Whether a lone header cell is more likely the name of a column than a prompt. */
export function isHeading(cell: string): boolean {
  const name = normalisedName(cell);
  const known = [...ITEM_FIELDS, ...RESPONSE_FIELDS, ...LIST_FIELDS, ...HELD_OUT_FIELDS, ...OTHER_HEADINGS];
  return known.some((one) => name === one || name === `${one}s`);
}

/** The known forms of an item, by the field that identifies each, for messages. */
const FORMS: Readonly<Record<string, string>> = {
  prompt: '{"prompt": …, "response": …}',
  completion: '{"prompt": …, "completion": …}',
  question: '{"question": …, "answer": …}',
  text: '{"text": …}',
  query: '{"query": …, "response": …}',
  input: '{"input": …, "output": …}',
  instruction: '{"instruction": …, "input": …, "output": …}',
  conversations: '{"conversations": [{"from": "human", "value": …}, …]}',
  messages: '{"messages": [{"role": "user", "content": …}, …]}',
};
/** Fields of a form that do not identify it, but hint at it. */
const HINTS: Readonly<Record<string, string>> = {
  response: 'prompt',
  answer: 'question',
  output: 'instruction',
  conversation: 'conversations',
  from: 'conversations',
  value: 'conversations',
  role: 'messages',
  content: 'messages',
  chosen: 'prompt',
};

/** The form whose fields are most like these. */
export function nearestForm(keys: readonly string[]): string {
  const known = [...Object.keys(FORMS), ...Object.keys(HINTS)];
  const names = keys.slice(0, MOST_KEYS).map(normalisedName);
  const exact = names.find((name) => known.includes(name));
  const near = exact ?? names.map((name) => nearName(name, known)).find((name) => name !== undefined);
  return FORMS[near === undefined ? 'prompt' : (HINTS[near] ?? near)]!;
}

/** Enough to recognise a form; a hostile object has millions. */
const MOST_KEYS = 32;
const LONGEST_NAME = 32;

function nearName(name: string, known: readonly string[]): string | undefined {
  if (name.length < 3 || name.length > LONGEST_NAME) return undefined;
  const containing = known.find((one) => name.includes(one) && one.length > 3);
  if (containing !== undefined) return containing;
  const candidate = nearest(name, known)!;
  // A name that shares most of its letters.
  const same = [...candidate].filter((letter) => name.includes(letter)).length;
  return same >= 0.75 * Math.max(name.length, candidate.length) ? candidate : undefined;
}
