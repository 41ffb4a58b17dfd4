import { type DemoAnswer, type DemoResult, type PocketTask, SHOWN } from '../demo/index.js';
import { counted, grouped } from './table.js';

/** Widest line. */
const COLUMNS = 80;
const LABEL_WIDTH = 10;

/** What `dnd demo` prints. */
export function demoLines(result: DemoResult, out: string | undefined): string[] {
  const { task, baseParameters, answers, adapter, generationMs, accuracy } = result;
  const { prompts, adapter: made } = adapter.report;
  const shown = answers.slice(0, SHOWN);
  const repeated = prompts.repeated > 0 ? `, some of them again to make ${prompts.wanted}` : '';
  return [
    ...wrapped(
      `The base: a language model of ${grouped(baseParameters)} parameters that tells and reads very small stories.`,
    ),
    ...(task
      ? wrapped(`The task: ${task.name} (${task.about}). It was held out: nothing was ever trained on it.`)
      : wrapped('The task: what your prompts have in common.')),
    '',
    ...heading(1, `What the base answers to ${counted(shown.length, 'prompt')}`),
    ...shown.flatMap(({ prompt, base }) => [...labelled('prompt', prompt), ...labelled('base', base)]),
    '',
    ...heading(2, 'The drop: prompts in, weights out; no responses, no training'),
    ...wrapped(
      `${prompts.used} of ${counted(prompts.given, 'unlabeled prompt')}${repeated} → an adapter of ${grouped(made.parameters)} weights in ${generationMs.toFixed(0)} ms`,
      '   ',
    ),
    '',
    ...heading(3, 'What the same base answers with that adapter'),
    ...shown.flatMap((answer) => [...labelled('prompt', answer.prompt), ...labelled('adapted', verdict(answer))]),
    '',
    ...(accuracy ? [...accuracyLines(accuracy, task !== null), ''] : []),
    ...wrapped(
      out === undefined
        ? 'Keep the adapter with --out <folder> (PEFT). Other tasks: dnd demo --list. How this world was built, and what it does not show: docs/pocket.md'
        : `The adapter: ${out} (PEFT)`,
    ),
  ];
}

/** The held-out tasks, for `--list`. */
export function taskLines(tasks: readonly PocketTask[]): string[] {
  const width = Math.max(...tasks.map(({ name }) => name.length));
  return [
    ...tasks.map(({ name, about }) => `${name.padEnd(width)}  ${about}`),
    '',
    `${counted(tasks.length, 'task')}, all held out. Show one: dnd demo --task ${tasks[0]!.name}`,
  ];
}

function accuracyLines({ items, base, adapted }: NonNullable<DemoResult['accuracy']>, ofTask: boolean): string[] {
  const line = (label: string, right: number) =>
    `   ${label.padEnd(LABEL_WIDTH)}${String(right).padStart(String(items).length)} of ${items}  ${((100 * right) / items).toFixed(0).padStart(3)} %`;
  return [
    ...heading(
      4,
      `Exactly right answers to ${counted(items, 'prompt')}${ofTask ? ' about stories never told in training' : ''}`,
    ),
    line('base', base),
    line('adapted', adapted),
  ];
}

function verdict({ adapted, expected }: DemoAnswer): string {
  return expected === null || adapted === expected ? adapted : `${adapted}  (right: ${expected})`;
}

function heading(step: number, text: string): string[] {
  return wrapped(`${step}. ${text}`, '   ', '');
}

function labelled(label: string, text: string): string[] {
  const indent = ' '.repeat(3 + LABEL_WIDTH);
  return wrapped(text, indent, `   ${label.padEnd(LABEL_WIDTH)}`);
}

/** Lines of at most 80 columns; a longer word has a line of its own. */
function wrapped(text: string, indent = '', first = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
