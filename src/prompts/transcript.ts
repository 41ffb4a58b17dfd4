import type { Context } from './fields.js';
import { invalidPrompts } from './problems.js';
import type { Exchange } from './turns.js';

/** Guanaco's way of writing a conversation as one text. */
const GUANACO = /###\s*(human|user|assistant|system)\s*:/gi;

/** Where chat templates, and Alpaca's, begin the model's words, with some after them. Linear in the text's length. */
const ANSWERS = [
  /<\|im_start\|>\s*assistant\s*\S/,
  /<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>\s*\S/,
  /<start_of_turn>\s*model\s*\S/,
  /<\|assistant\|>\s*\S/,
  /\[\/INST\]\s*\S/,
  /###\s*Response\s*:\s*\S/i,
  /###\s*Assistant\s*:\s*\S/i,
];
const ASKED = /^\s*(?:Human|USER)\s*:/;
const ANSWERED = /\s(?:Assistant|ASSISTANT)\s*:\s*\S/;

/**
 * `text` is a prompt in some files, and prompt and response in a template in others. Reading the latter as a prompt would
 * condition a generator on the answers.
 * @returns the exchange of a text with Guanaco's headings; undefined for a text that is only a prompt
 * @throws DndError INVALID_PROMPTS for one with an answer in another template
 */
export function exchangeInText(text: string, where: string, { source }: Context): Exchange | undefined {
  const exchange = guanacoExchange(text);
  if (exchange) return exchange;
  if (ANSWERS.some((answer) => answer.test(text)) || (ASKED.test(text) && ANSWERED.test(text)))
    throw invalidPrompts(
      source,
      `the text ${where} is ambiguous: it has an answer in it, in a chat template; expected the prompt alone. Split it into "prompt" and "response", or read it as it is: --prompt-field text (promptField)`,
    );
  return undefined;
}

/** The parts after the first heading of the user and the next of the assistant, of a text that starts with a heading. */
function guanacoExchange(text: string): Exchange | undefined {
  let user: { start: number; end: number } | undefined;
  let answer: number | undefined;
  const parts = (end: number): Exchange | undefined =>
    user && answer !== undefined
      ? { prompt: text.slice(user.start, user.end).trim(), response: () => text.slice(answer, end).trim() }
      : undefined;
  let headings = 0;
  for (const { 0: heading, 1: name, index } of text.matchAll(GUANACO)) {
    if (headings++ === 0 && text.slice(0, index).trim() !== '') return undefined;
    if (answer !== undefined) return parts(index);
    const start = index + heading.length;
    const role = name!.toLowerCase();
    if (user?.end === text.length) user.end = index;
    if (user && role === 'assistant') answer = start;
    else if (!user && role !== 'assistant' && role !== 'system') user = { start, end: text.length };
  }
  return parts(text.length);
}
