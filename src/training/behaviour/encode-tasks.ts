import { eventLoopYielder, type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { type EncodedExample, encodeExample, type PromptFormat } from '../../language/index.js';
import type { Task } from '../pairs/types.js';

/** The encoded items of tasks, by the task's name. */
export type TaskExamples = ReadonlyMap<string, readonly EncodedExample[]>;

/**
 * Encodes every item of the tasks for the language model.
 * @param format the language model's
 * @throws DndError INVALID_PROMPTS for a task with an item that has no response; as `encodeExample`; `signal.reason`
 */
export async function encodeTasks(
  tasks: readonly Pick<Task, 'name' | 'items'>[],
  format: PromptFormat,
  { system, signal, onProgress }: LongOperation & { system: string | undefined },
): Promise<TaskExamples> {
  const yieldToEventLoop = eventLoopYielder();
  const report = steadyProgress(onProgress);
  const examples = new Map<string, EncodedExample[]>();
  for (const { name, items } of tasks) {
    const own: EncodedExample[] = [];
    for (const [index, { prompt, response }] of items.entries()) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const what = `item ${index + 1} of task ${name}`;
      if (response === '')
        throw new DndError(
          'INVALID_PROMPTS',
          `${what} has no response, and the behaviour loss needs one of every prompt; add it, or train with the loss 'tokens'`,
        );
      own.push(encodeExample(format, { prompt, response, system }, what));
    }
    examples.set(name, own);
    report(examples.size / tasks.length);
  }
  return examples;
}
