import type { FinetuneTask, ResolvedSettings } from '../finetuning/index.js';

/** One training run of a recipe: what `dnd finetune` does in a phase, or in a part of one. */
export interface RecipeRun {
  name: string;
  /** Names of data sets. */
  data: string[];
  /** The adapter it continues: the output of an earlier run, or a path; null: a fresh one. */
  from: string | null;
  /** Relative to the recipe. */
  output: string;
  steps: number;
  /** Steps to each checkpoint; null: only the adapter at the end is needed. */
  saveEvery: number | null;
  learningRate: number;
  schedule: 'constant' | 'constant_with_warmup' | 'cosine';
  warmupSteps: number;
  batch: number;
}

/** Where the runs whose checkpoints count write, and the joint one. */
const SAVES_FOLDER = 'saves';
/** The data set of a joint run that has its own. */
export const JOINT_DATA = 'joint';

/**
 * The runs, in their order: the joint one, and of each task its steps, then those to its checkpoints, since a trainer has
 * one learning-rate schedule per run. The checkpoints of a task are in the folder of its name.
 */
export function planRuns(settings: ResolvedSettings, tasks: readonly FinetuneTask[]): RecipeRun[] {
  const { start = null, jointSteps, jointTrain, jointBatch, jointLearningRate } = settings;
  const { steps, checkpoints, checkpointEvery, checkpointLearningRate, learningRate, batch, warmupSteps } = settings;
  const schedule = scheduleOf(settings);
  const trained = tasks.filter(({ heldOut }) => !heldOut).map(({ name }) => name);
  const runs: RecipeRun[] = [];
  const add = (name: string, output: string, run: Omit<RecipeRun, 'name' | 'output'>) => {
    runs.push({ name, output, ...run });
    return output;
  };
  const common = { schedule, warmupSteps, saveEvery: null };
  const joint =
    jointSteps === 0
      ? start
      : add('joint', `${SAVES_FOLDER}/joint`, {
          ...{ ...common, data: jointTrain === undefined ? trained : [JOINT_DATA], from: start },
          ...{ steps: jointSteps, learningRate: jointLearningRate, batch: jointBatch },
        });
  for (const { name } of tasks) {
    const data = [name];
    const from =
      steps === 0
        ? joint
        : add(`start/${name}`, `starts/${name}`, { ...common, data, from: joint, steps, learningRate, batch });
    add(name, `${SAVES_FOLDER}/${name}`, {
      ...{ data, from, batch, steps: checkpoints * checkpointEvery, saveEvery: checkpointEvery },
      ...{ learningRate: checkpointLearningRate, schedule: 'constant', warmupSteps: 0 },
    });
  }
  return runs;
}

function scheduleOf({ schedule, warmupSteps }: ResolvedSettings): RecipeRun['schedule'] {
  if (schedule === 'cosine') return 'cosine';
  return warmupSteps > 0 ? 'constant_with_warmup' : 'constant';
}
