import type { Context } from './fields.js';
import { invalidPrompts } from './problems.js';
import type { Exchange } from './turns.js';

/** Guanaco's way of writing a conversation as one text. */
const GUANACO = /###\s*(human|user|assistant|system)\s*:/gi;

/** Where chat templates, and Alpaca's, begin the model's words. Each is found in a time linear in the text's length. */
const ANSWERS = [
  // ChatML; Phi-4 has <|im_sep|> after the author.
  /<\|im_start\|>\s*assistant(?:\s|<\|im_sep\|>)*/,
  // Llama 3 and 4.
  /<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>\s*/,
  /<\|header_start\|>\s*assistant\s*<\|header_end\|>\s*/,
  // Llama 2, Mistral.
  /\[\/INST\]\s*/,
  // Gemma.
  /<start_of_turn>\s*model\s*/,
  // GPT-OSS: harmony.
  /<\|start\|>\s*assistant\s*/,
  // DeepSeek, whose bars are of full width.
  /<[|｜]Assistant[|｜]>\s*/i,
  // Granite, Kimi, Command R, EXAONE.
  /<\|start_of_role\|>\s*assistant\s*<\|end_of_role\|>\s*/,
  /<\|im_assistant\|>\s*assistant\s*<\|im_middle\|>\s*/,
  /<\|CHATBOT_TOKEN\|>\s*/,
  /\[\|assistant\|\]\s*/,
  // Alpaca, and others with headings.
  /###\s*(?:Response|Assistant)\s*:\s*/i,
];
const ANSWERED = ANSWERS.map(({ source, flags }) => new RegExp(`${source}(?!<\\|im_sep\\|>)\\S`, flags));

/** Vicuna, whose preamble comes before; and Anthropic's way of old. */
const ASKED_BY_NAME = /(?:^|\s)(?:Human|USER|User)\s*:/;
const ANSWERED_BY_NAME = /\s(?:Assistant|ASSISTANT)\s*:\s*\S/;

/** Whether a text has an answer in a chat template in it. */
function hasAnswer(text: string): boolean {
  if (ANSWERED.some((answered) => answered.test(text))) return true;
  const asked = text.search(ASKED_BY_NAME);
  return asked >= 0 && ANSWERED_BY_NAME.test(text.slice(asked));
}

/** Whether a text has the marks of a chat template in it, with an answer or without. */
export function hasTemplate(text: string): boolean {
  return ANSWERS.some((answer) => answer.test(text)) || ASKED_BY_NAME.test(text);
}

/**
 * `text` is a prompt in some files, and prompt and response in a template in others. Reading the latter as a prompt would
 * condition a generator on the answers.
 * @returns the exchange of a text with Guanaco's headings; undefined for a text that is only a prompt
 * @throws DndError INVALID_PROMPTS for one with an answer in another template
 */
export function exchangeInText(text: string, where: string, { source }: Context): Exchange | undefined {
  const exchange = guanacoExchange(text);
  if (exchange) return exchange;
  if (hasAnswer(text))
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
