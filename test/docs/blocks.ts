/** A fenced block of a page, and what the comment above it says of it. */
export interface Block {
  /** Of its first fence, from 1. */
  line: number;
  language: string;
  text: string;
  /** `<!-- not run: … -->`: why it cannot be run here. */
  notRun?: string;
  /** `<!-- file: … -->`: the name under which the following blocks find it. */
  file?: string;
  /** `<!-- prints: … -->`: the command whose output it is. */
  prints?: string;
}

/** Blocks that run, that are data, and that are only read. */
export const LANGUAGES = ['sh', 'ts', 'js', 'json', 'text'];

const FENCE = /^(\s*)```(\S*)\s*$/;
const COMMENT = /^<!-- (not run|file|prints): (.+) -->$/;
const KEYS = { 'not run': 'notRun', file: 'file', prints: 'prints' } as const;

/** The fenced blocks of a page, in its order. Throws for a fence that is never closed. */
export function blocksOf(page: string): Block[] {
  const lines = page.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent, language] = FENCE.exec(lines[at]!) ?? [];
    if (language === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line === `${indent}\`\`\``);
    if (end < 0) throw new Error(`the fence of line ${at + 1} is never closed`);
    const text = lines.slice(at + 1, end).map((line) => line.slice(indent!.length));
    blocks.push({ line: at + 1, language, text: `${text.join('\n')}\n`, ...commentAbove(lines, at) });
    at = end;
  }
  return blocks;
}

function commentAbove(lines: readonly string[], fence: number): Partial<Block> {
  const [, key, value] = COMMENT.exec(lines[fence - 1]?.trim() ?? '') ?? [];
  return key === undefined ? {} : { [KEYS[key as keyof typeof KEYS]]: value };
}

/** What excuses a block from being run. */
const EXCUSE = /\b(GPU|network|models?)\b/;
const COMMAND = /^(\$|>|dnd|npm|npx|node|sh|import|const) /m;

/** What is wrong with a block by its language and its comment; undefined if nothing is. */
export function faultOf({ language, text, notRun, file, prints }: Block): string | undefined {
  if (!LANGUAGES.includes(language)) return `language ${language || 'none'}; expected one of ${LANGUAGES.join(', ')}`;
  if (notRun !== undefined && !EXCUSE.test(notRun))
    return `not run: expected a GPU, the network or a model, got ${notRun}`;
  if (prints !== undefined && language !== 'text') return 'prints: expected a block of text';
  if (file !== undefined && language !== 'json') return 'file: expected a block of JSON';
  if (language === 'text' && prints === undefined && COMMAND.test(text))
    return 'a command in a block of text; expected sh';
  return undefined;
}
