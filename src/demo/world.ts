import { DndError } from '../errors.js';
import type { LanguageModel } from '../language/index.js';
import type { PromptItem } from '../prompts/index.js';
import { nearest, quote } from '../validation/index.js';

/** A task that the demo shows. */
export interface DemoTask {
  name: string;
  /** What it is, in words. */
  about: string;
}

/** Prompts that a task's adapter is generated from, and items that it is tried on. */
export interface TaskData {
  prompts: readonly string[];
  test: readonly PromptItem[];
}

/** A model that is not in the package: a path, or a repository of the Hugging Face Hub. */
export type ModelSource = { path: string } | { repository: string };

/** A base model, generators for it, and tasks that no generator was trained on. */
export interface DemoWorld {
  base: ModelSource;
  /** The text encoder of generators that do not contain theirs; undefined: all of them do. */
  encoder: ModelSource | undefined;
  tasks: readonly DemoTask[];
  /** Most tokens of an answer. */
  maxNewTokens: number;
  /** @param task null: for prompts of the user's own */
  generatorOf(task: DemoTask | null): Promise<string>;
  dataOf(task: DemoTask): Promise<TaskData>;
  /** Refuses prompts that the base cannot read. @throws DndError INVALID_PROMPTS */
  checkPrompts?(model: LanguageModel, prompts: readonly string[], source: string): void;
}

/**
 * The task called `name`; without a name, the first.
 * @param listing the command that lists the tasks, for the message
 * @throws DndError INVALID_ARGUMENT, with the nearest name
 */
export function findTask({ tasks }: DemoWorld, name: string | undefined, listing: string): DemoTask {
  const task = name === undefined ? tasks[0] : tasks.find((one) => one.name === name);
  if (task) return task;
  const names = tasks.map((one) => one.name);
  throw new DndError(
    'INVALID_ARGUMENT',
    `there is no held-out task ${quote(name!)}; did you mean ${quote(nearest(name!, names)!)}? ${listing} names all ${tasks.length}`,
  );
}
