import {
  type DemoAnswer,
  type DemoModelName,
  type DemoResult,
  type DemoTask,
  demoCommand,
  isRight,
  SHOWN,
  SMOLLM2_PACKAGE,
} from '../demo/index.js';
import { counted, grouped } from './table.js';

/** Widest line. */
const COLUMNS = 80;
const LABEL_WIDTH = 10;

interface Words {
  base: (parameters: string, path: string) => string;
  /** Of the test items of a task. */
  items: string;
  /** Whether parts take long enough to be told. */
  times: boolean;
  /** After how to keep the adapter. */
  more: string;
  /** How to go on, in lines. */
  next: (encoder: string | null) => readonly string[];
}

/** What is said of one model and of no other. */
const WORDS: Readonly<Record<DemoModelName, Words>> = {
  pocket: {
    base: (parameters) =>
      `The base: a language model of ${parameters} parameters that tells and reads very small stories.`,
    items: ' about stories never told in training',
    times: false,
    more: ' How this world was built, and what it does not show: docs/pocket.md',
    next: () => [],
  },
  smollm2: {
    base: (parameters, path) => `The base: a language model of ${parameters} parameters, ${path}.`,
    items: '',
    times: true,
    more: '',
    // Lines of a shell, which stay whole when they are copied.
    next: (encoder) => [
      'An adapter of your own prompts, for llama.cpp:',
      `   dnd generate --generator ${SMOLLM2_PACKAGE} --prompts my.txt \\`,
      ...(encoder === null ? [] : [`     --encoder ${encoder} \\`]),
      '     --format gguf --out my-adapter',
    ],
  },
};

/** What `dnd demo` prints. */
export function demoLines(result: DemoResult, out: string | undefined): string[] {
  const { model, base, task, heldOut, baseParameters, answers, adapter, milliseconds, accuracy } = result;
  const { prompts, adapter: made, generator } = adapter.report;
  const words = WORDS[model];
  const shown = answers.slice(0, SHOWN);
  const repeated = prompts.repeated > 0 ? `, some of them again to make ${prompts.wanted}` : '';
  return [
    ...wrapped(words.base(grouped(baseParameters), base)),
    ...(task
      ? wrapped(
          `The task: ${task.name} (${task.about}).${heldOut ? ' It was held out: nothing was ever trained on it.' : ''}`,
        )
      : wrapped('The task: what your prompts have in common.')),
    '',
    ...heading(1, `What the base answers to ${counted(shown.length, 'prompt')}`),
    ...shown.flatMap(({ prompt, base }) => [...labelled('prompt', prompt), ...labelled('base', base)]),
    '',
    ...heading(2, 'The drop: prompts in, weights out; no responses, no training'),
    ...wrapped(
      `${prompts.used} of ${counted(prompts.given, 'unlabeled prompt')}${repeated} → an adapter of ${grouped(made.parameters)} weights in ${milliseconds.generation.toFixed(0)} ms`,
      '   ',
    ),
    ...(generator.notice ? wrapped(`Note: ${generator.notice}.`, '   ') : []),
    '',
    ...heading(3, 'What the same base answers with that adapter'),
    ...shown.flatMap((answer) => [...labelled('prompt', answer.prompt), ...labelled('adapted', verdict(answer))]),
    '',
    ...(accuracy ? [...accuracyLines(accuracy, task === null ? '' : words.items), ''] : []),
    ...(words.times ? [...timeLines(result), ''] : []),
    ...wrapped(
      out === undefined
        ? `Keep the adapter with --out <folder> (PEFT). Other tasks: ${demoCommand(model)} --list.${words.more}`
        : `The adapter: ${out} (PEFT)`,
    ),
    ...words.next(result.encoder),
  ];
}

function timeLines({ answers, milliseconds: { load, base, generation, adapted } }: DemoResult): string[] {
  const seconds = (value: number) => `${(value / 1000).toFixed(1)} s`;
  const all = counted(answers.length, 'answer');
  return wrapped(
    `Time: loading ${seconds(load)}, ${all} of the base ${seconds(base)}, prompts to adapter ${seconds(generation)}, ${all} with the adapter ${seconds(adapted)}.`,
  );
}

/** The held-out tasks, for `--list`. */
export function taskLines(model: DemoModelName, tasks: readonly DemoTask[]): string[] {
  const width = Math.max(...tasks.map(({ name }) => name.length));
  return [
    ...tasks.map(({ name, about }) => `${name.padEnd(width)}  ${about}`),
    '',
    `${counted(tasks.length, 'task')}, all held out. Show one: ${demoCommand(model)} --task ${tasks[0]!.name}`,
  ];
}

function accuracyLines({ items, base, adapted }: NonNullable<DemoResult['accuracy']>, what: string): string[] {
  const line = (label: string, right: number) =>
    `   ${label.padEnd(LABEL_WIDTH)}${String(right).padStart(String(items).length)} of ${items}  ${((100 * right) / items).toFixed(0).padStart(3)} %`;
  return [
    ...heading(4, `Exactly right answers to ${counted(items, 'prompt')}${what}`),
    line('base', base),
    line('adapted', adapted),
  ];
}

function verdict(answer: DemoAnswer): string {
  const { adapted, expected } = answer;
  return expected === null || isRight(answer, 'adapted') ? adapted : `${adapted}  (right: ${expected})`;
}

function heading(step: number, text: string): string[] {
  return wrapped(`${step}. ${text}`, '   ', '');
}

function labelled(label: string, text: string): string[] {
  const indent = ' '.repeat(3 + LABEL_WIDTH);
  const first = `   ${label.padEnd(LABEL_WIDTH)}`;
  return text
    .trim()
    .split(/\s*\n/)
    .flatMap((line, index) => wrapped(line, indent, index === 0 ? first : indent));
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
