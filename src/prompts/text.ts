import type { FoundItem } from './item.js';
import { checkPrompt } from './problems.js';

/** One prompt a line; blank lines are passed over. Lines end as on any system. */
export function parseText(text: string, source: string): FoundItem[] {
  const items: FoundItem[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const where = `in line ${index + 1}`;
    if (/\S/.test(line)) items.push({ prompt: checkPrompt(line, source, where), response: undefined, where });
  }
  return items;
}
