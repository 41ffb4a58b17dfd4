import { basename, dirname, join } from 'node:path';
import { AdapterLayout, LoraAdapter, PEFT_CONFIG_FILE, PEFT_TENSORS_FILE, readPeft } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { exists } from '../files/index.js';
import type { ConditionTexts } from '../generator/condition-form.js';
import { openPairs, type Task } from '../training/pairs/index.js';

/** The adapter of one task: its last checkpoint. */
export interface TaskAdapter {
  task: string;
  adapter: LoraAdapter;
}

/** What a pairs folder has to compare generated adapters with. */
export interface PairsAdapters {
  /** Names of the folder's tasks that the generator was trained on. */
  trainedOn: string[];
  /** Adapters of those of them that have checkpoints. */
  training: TaskAdapter[];
  /** Of held-out tasks: the adapter that was fine-tuned on the task itself. */
  own: Map<string, LoraAdapter>;
  /** What all of them started from, if the folder has it. */
  joint: LoraAdapter | null;
  /** Of tasks in `training` that have them: what the generator is given of a task. */
  texts: Map<string, readonly string[]>;
  /** Identity of the pairs, as generators keep that of theirs. */
  digest: string;
}

export interface ReadPairsAdaptersOptions {
  /** Names of the tasks that the generator was trained on. Default: those that the folder does not hold out. */
  trainedOn?: readonly string[] | undefined;
  /** What the generator is given of a task. */
  texts: ConditionTexts;
  skipCorrupt?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** The folder of a joint run's adapter inside a pairs folder that does not name its start. */
const JOINT_FOLDER = 'joint';

/**
 * Reads the last checkpoint of every task of a pairs folder that has any, and the adapter that they start from.
 * @throws DndError INVALID_PAIRS where none of its tasks was trained on; as `openPairs` and `readPeft`; `signal.reason`
 */
export async function readPairsAdapters(
  folder: string,
  { trainedOn, texts: given, skipCorrupt, signal }: ReadPairsAdaptersOptions,
): Promise<PairsAdapters> {
  const { tasks, digest, start } = await openPairs(folder, { skipCorrupt, signal });
  const names: string[] = [];
  const training: TaskAdapter[] = [];
  const own = new Map<string, LoraAdapter>();
  const texts = new Map<string, readonly string[]>();
  for (const task of tasks) {
    signal?.throwIfAborted();
    const trained = trainedOn ? trainedOn.includes(task.name) : !task.heldOut;
    if (trained) names.push(task.name);
    const adapter = await lastCheckpoint(task, signal);
    if (adapter === null) continue;
    if (!trained) {
      own.set(task.name, adapter);
      continue;
    }
    training.push({ task: task.name, adapter });
    const known = given === 'prompts' ? task.items.map(({ prompt }) => prompt) : task.descriptions;
    if (known) texts.set(task.name, known);
  }
  if (names.length === 0)
    throw new DndError(
      'INVALID_PAIRS',
      `${folder} has none of the tasks that the generator was trained on. Use the pairs folder of its training`,
    );
  const joint = start ? dirname(start.path) : join(folder, JOINT_FOLDER);
  const hasJoint = await exists(join(joint, PEFT_CONFIG_FILE));
  return {
    trainedOn: names,
    training,
    own,
    texts,
    digest,
    joint: hasJoint ? await readPeft(joint, { signal }) : null,
  };
}

/** null for a task without checkpoints, in pairs for the behaviour loss. */
async function lastCheckpoint(
  { name, checkpoints }: Task,
  signal: AbortSignal | undefined,
): Promise<LoraAdapter | null> {
  const last = checkpoints.at(-1);
  if (!last) return null;
  const { path } = last;
  if (basename(path) === PEFT_TENSORS_FILE) return readPeft(dirname(path), { signal });
  throw new DndError(
    'UNSUPPORTED_FORMAT',
    `task ${name}: ${path} is a bare safetensors file, whose alpha is not known; expected a PEFT folder`,
  );
}

/**
 * The mean of adapters, element by element of A and of B.
 * @param adapters at least one, all of one layout
 */
export function meanAdapter(adapters: readonly Pick<LoraAdapter, 'config' | 'tensors'>[]): LoraAdapter {
  const [first] = adapters;
  const shapes = Array.from(first!.tensors, ([name, { shape }]) => ({ name, shape }));
  const layout = AdapterLayout.fromTensors(shapes);
  const tensors = new Map(
    layout.tensors.map(({ name, shape }) => {
      const sum = new Float64Array(shape[0] * shape[1]);
      for (const { tensors: own } of adapters) {
        const { data } = own.get(name)!;
        for (let index = 0; index < sum.length; index++) sum[index]! += data[index]!;
      }
      return [name, { shape, data: Float32Array.from(sum, (value) => value / adapters.length) }] as const;
    }),
  );
  return new LoraAdapter(first!.config, tensors);
}
