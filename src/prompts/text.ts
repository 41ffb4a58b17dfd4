import { checkPrompt } from './problems.js';

/** One prompt a line; blank lines are passed over. Lines end as on any system. */
export function parseText(text: string, source: string): string[] {
  const prompts: string[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (/\S/.test(line)) prompts.push(checkPrompt(line, source, `in line ${index + 1}`));
  }
  return prompts;
}
