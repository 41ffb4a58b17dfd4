import { readText } from '../files/index.js';
import { checkText, invalidPrompts, isBlank } from './problems.js';
import { readPromptSet } from './read.js';

const MARKDOWN = /\.(md|markdown)$/i;

/**
 * Descriptions of a task: of a skill file or another Markdown file the `description` of its front matter or, without
 * one, its whole text; of a prompt file in any form of `readPromptSet`, its items.
 * @param standardInput the stream read for "-"
 * @throws DndError INVALID_PROMPTS for a blank description; as `readPromptSet`
 */
export async function readDescriptions(
  path: string,
  standardInput?: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<string[]> {
  if (!MARKDOWN.test(path)) return readPromptSet(path, standardInput, signal);
  const text = (await readText(path, 'description')).replace(/^\ufeff/, '');
  const description = describedIn(text);
  if (isBlank(description)) throw invalidPrompts(path, 'there is no description in it; give a sentence or a few');
  return [checkText(description, path, 'the description')];
}

/** Between lines of three hyphens at the start of the file. */
const FRONT_MATTER = /^---[ \t]*\r?\n([\s\S]*?)^(?:---|\.\.\.)[ \t]*$/m;
/** A key of the front matter, and what belongs to it: the rest of its line, and indented or blank lines below. */
const DESCRIPTION = /^description:[ \t]*(.*(?:\n(?:[ \t]+.*|[ \t]*$))*)/m;
/** What begins a block of YAML: its line breaks are spaces in a description. */
const BLOCK = /^[|>][-+0-9]*[ \t]*(?=\n|$)/;

function describedIn(text: string): string {
  const matter = FRONT_MATTER.exec(text.replaceAll('\r\n', '\n'));
  const found = matter?.index === 0 ? DESCRIPTION.exec(matter[1]!) : null;
  if (found === null) return text.trim();
  return unquoted(
    found[1]!
      .replace(BLOCK, '')
      .trim()
      .replace(/\s*\n\s*/g, ' '),
  );
}

function unquoted(text: string): string {
  if (/^'.*'$/s.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (/^".*"$/s.test(text)) return text.slice(1, -1).replace(/\\(["\\])/g, '$1');
  return text;
}
