import type { ResponseEvaluation, TaskEvaluation } from '../training/metrics.js';
import type { Run } from './run-folder.js';

/** A task of a run: its data and latest metrics. */
export interface TaskSummary {
  name: string;
  heldOut: boolean;
  /** null for a task missing from run.json, as after --allow-changed-pairs. */
  prompts: number | null;
  checkpoints: number | null;
  heldOutCheckpoints: number | null;
  /** From the last step that includes it. */
  trainingLoss: number | null;
  /** From the last evaluation that includes it. */
  last: TaskEvaluation | null;
  /** From the last evaluation that answers prompts of it. */
  responses: ResponseEvaluation | null;
}

/** Held-out tasks first, as they matter most; otherwise in the order of run.json. */
export function tasksOf({ description, steps, evaluations }: Run): TaskSummary[] {
  const losses = new Map<string, number>();
  for (const { taskLosses } of steps) for (const [name, loss] of Object.entries(taskLosses)) losses.set(name, loss);
  const lasts = new Map<string, TaskEvaluation>();
  const answered = new Map<string, ResponseEvaluation>();
  for (const { tasks, responses = [] } of evaluations) {
    for (const each of tasks) lasts.set(each.task, each);
    for (const each of responses) answered.set(each.task, each);
  }
  const described = new Map(description.pairs.tasks.map((task) => [task.name, task]));
  const names = new Set([...described.keys(), ...losses.keys(), ...lasts.keys(), ...answered.keys()]);
  const summaries = [...names].map((name) => {
    const { heldOut, prompts, checkpoints, heldOutCheckpoints } = described.get(name) ?? {};
    const last = lasts.get(name) ?? null;
    const responses = answered.get(name) ?? null;
    return {
      name,
      heldOut: heldOut ?? (last ?? responses)?.heldOut === 'task',
      prompts: prompts ?? null,
      checkpoints: checkpoints ?? null,
      heldOutCheckpoints: heldOutCheckpoints ?? null,
      trainingLoss: losses.get(name) ?? null,
      last,
      responses,
    };
  });
  return [...summaries.filter(({ heldOut }) => heldOut), ...summaries.filter(({ heldOut }) => !heldOut)];
}
