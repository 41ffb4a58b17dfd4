import { rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readPeft } from '../adapter/index.js';
import { placeKey } from '../adapter/names.js';
import { steadyProgress } from '../async/index.js';
import { cpuInfo } from '../engine/index.js';
import { exists, sha256OfFiles, writeFileAtomically } from '../files/index.js';
import { type EncodedExample, type LanguageModel, loadLanguageModel, weightFiles } from '../language/index.js';
import { RunLock } from '../training/run-lock.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { type AdapterForm, adapterForm } from './adapter.js';
import { absolutePaths, changedSettings, type FinetuneTask, resolveSettings } from './config.js';
import { finishedTask, finishTask, makeOutput, WORK_FOLDER, writePairs } from './output.js';
import { jointPhase, type Phase, runPhase, taskPhase } from './phase.js';
import type { FinetuneCallbacks, FinishedTask } from './progress.js';
import {
  descriptionText,
  FINETUNE_FILE,
  type FinetuneDescription,
  readFinetuneDescription,
  requireSameRun,
} from './run-description.js';
import { type FinetuneSettings, fieldsOf, type ResolvedSettings } from './settings.js';
import { listTasks, readExamples, readTask, type TaskData, type TaskTexts } from './tasks.js';

/** Settings, tasks, and the output folder. For defaults see `FINETUNE_SETTINGS`. */
export interface FinetuneOptions extends Partial<FinetuneSettings>, FinetuneCallbacks {
  /** Output: a pairs folder. */
  out: string;
  /**
   * The tasks, or a folder that has a folder for each task, with `train.json` in it. Required unless a run is resumed.
   */
  tasks?: readonly FinetuneTask[] | string | undefined;
  /** Resume the run in `out`, if there is one. Settings and tasks that are given must be those of the run. */
  resume?: boolean | undefined;
  /** Resume with another instruction set; results are not bit-identical. Default: false. */
  allowOtherInstructionSet?: boolean | undefined;
  /** Stops the run; the steps done are saved and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** The result of `finetune`. */
export interface FinetuneResult {
  /** The pairs folder. */
  out: string;
  /** The tasks, in their order. */
  tasks: FinishedTask[];
  /** Steps done by this call. */
  newSteps: number;
  /** Wall-clock time of this call. */
  seconds: number;
}

/**
 * Fine-tunes LoRA adapters of one base on many tasks, and writes their checkpoints as a pairs folder, from which a
 * generator is trained: the paper's checkpoint collection. Every task starts from the same adapter; docs/language.md
 * tells why. A run that was stopped, or killed at any moment, resumes to the same bytes.
 * @throws DndError INVALID_ARGUMENT, OUTPUT_EXISTS, RUN_IN_USE, RESUME_MISMATCH; INVALID_PROMPTS for data that cannot be
 * learnt; as `loadLanguageModel` and `readPeft`; NOT_FINITE, OUT_OF_MEMORY, DISK_FULL, NOT_WRITABLE; `signal.reason`
 * after an abort, when the steps done are saved
 */
export async function finetune(options: FinetuneOptions): Promise<FinetuneResult> {
  const folder = resolve(checkPath(checkOptions(options, 'options of finetune').out, 'out (the output folder)'));
  const began = performance.now();
  options.signal?.throwIfAborted();
  const existed = await exists(folder);
  const resumed = options.resume === true && (await exists(join(folder, FINETUNE_FILE)));
  if (!resumed) await makeOutput(folder);
  const lock = await RunLock.take(folder).catch(async (error) => {
    if (!existed) await rmdir(folder).catch(() => {});
    throw error;
  });
  let run: Run | undefined;
  try {
    // Another process may have started a run here meanwhile.
    if (!resumed) await makeOutput(folder);
    run = await prepare(folder, options, resumed ? await readFinetuneDescription(folder) : undefined);
    const { tasks, newSteps } = await runAll(run, options);
    return { out: folder, tasks, newSteps, seconds: (performance.now() - began) / 1000 };
  } finally {
    run?.model.dispose();
    await lock.release();
    if (!existed && !run) await rmdir(folder).catch(() => {});
  }
}

/** Everything that the phases need. */
interface Run {
  folder: string;
  settings: ResolvedSettings;
  model: LanguageModel;
  form: AdapterForm;
  tasks: readonly TaskData[];
  jointSets: readonly (readonly EncodedExample[])[];
}

/** Reads and checks all input, and writes finetune.json when a new run can start. */
async function prepare(
  folder: string,
  options: FinetuneOptions,
  before: FinetuneDescription | undefined,
): Promise<Run> {
  const { signal } = options;
  const onProgress = steadyProgress(options.onProgress);
  const given = settingsIn(options);
  const settings = before ? changedSettings(before.settings, given, folder) : resolveSettings(given);
  const places = await tasksOf(options, before);
  const { base, threads, memoryLimit, precision, system } = settings;
  const fields = fieldsOf(settings);
  const model = await loadLanguageModel(base, {
    threads,
    memoryLimitBytes: memoryLimit,
    precision,
    signal,
    onProgress: (fraction) => onProgress(fraction, 'load'),
  });
  try {
    const tasks: TaskData[] = [];
    for (const place of places) {
      tasks.push(await readTask(model, place, { system, fields, signal }));
      onProgress(tasks.length / places.length, 'read');
    }
    const joint = settings.jointTrain && (await readExamples(model, settings.jointTrain, { system, fields, signal }));
    const form = await adapterForm(model, settings, signal);
    const applied = { ...settings, ...formOf(form) };
    const description: FinetuneDescription = {
      instructionSet: cpuInfo().isa,
      baseSha256: await sha256OfFiles(await weightFiles(base), signal),
      startSha256: form.startSha256,
      jointDigest: joint ? joint.digest : null,
      settings: applied,
      tasks: tasks.map(({ name, train, prompts, descriptions, heldOut = false, examples, digest }) => ({
        ...{ name, train, prompts, descriptions, heldOut, examples: examples.length, digest },
      })),
    };
    if (before) requireSameRun(before, description, folder, options.allowOtherInstructionSet === true);
    else await writeFileAtomically(join(folder, FINETUNE_FILE), descriptionText(description), { signal });
    const trained = tasks.filter(({ heldOut }) => !heldOut).map(({ examples }) => examples);
    return { folder, settings: applied, model, form, tasks, jointSets: joint ? [joint.examples] : trained };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function runAll(run: Run, options: FinetuneOptions): Promise<{ tasks: FinishedTask[]; newSteps: number }> {
  const { folder, settings, model, form, tasks, jointSets } = run;
  const joint = settings.jointSteps > 0 ? jointPhase(settings, jointSets) : undefined;
  const phases = tasks.map((task) => ({ task, phase: taskPhase(settings, task.name, task.examples) }));
  const steps = phases.reduce((sum, { phase }) => sum + phase.steps, joint?.steps ?? 0);
  const work = { newSteps: 0, done: 0, steps };
  const finished: FinishedTask[] = [];
  let { start } = form;
  if (joint) {
    await runOne(run, { phase: joint, start, texts: null }, work, options);
    start = await jointAdapter(join(folder, joint.name), form, options.signal);
  }
  for (const { task, phase } of phases) finished.push(await runOne(run, { phase, start, texts: task }, work, options));
  await writePairs(folder, model.base, form, tasks, joint ? join(folder, joint.name) : settings.start);
  return { tasks: finished, newSteps: work.newSteps };
}

/** Runs a phase, unless it is finished. */
async function runOne(
  { folder, settings, model, form }: Run,
  { phase, start, texts }: { phase: Phase; start: Float32Array | null; texts: TaskTexts | null },
  work: { newSteps: number; done: number; steps: number },
  { signal, onStep, onTask }: FinetuneOptions,
): Promise<FinishedTask> {
  const { name, steps } = phase;
  const path = join(folder, name);
  let summary = await finishedTask(folder, name);
  if (!summary) {
    const loss = await runPhase(phase, {
      ...{ model, form, start, settings, signal },
      folder: join(folder, WORK_FOLDER, name),
      statePath: join(folder, WORK_FOLDER, STATE_FOLDER),
      onStep: (step) => {
        work.newSteps++;
        onStep?.({ task: name, steps, total: { step: work.done + step.step, steps: work.steps }, ...step });
      },
    });
    summary = { steps, loss };
    await finishTask(folder, name, summary, texts);
    onTask?.({ task: name, path, ...summary });
  }
  work.done += steps;
  return { task: name, path, ...summary };
}

/** Hidden, so that no task can have its name. */
const STATE_FOLDER = '.state';

/** What the tasks continue from is what was written, so that a resumed run continues from the same. */
async function jointAdapter(
  path: string,
  { layout }: AdapterForm,
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  const { tensors } = await readPeft(path, { signal });
  const data = new Map(Array.from(tensors, ([name, tensor]) => [placeKey(name), tensor.data]));
  const values = new Float32Array(layout.elementCount);
  for (const { name, offset } of layout.tensors) values.set(data.get(placeKey(name))!, offset);
  return values;
}

/** An adapter's own rank, alpha and modules take the place of the settings. */
function formOf({ layout, alpha, useRslora }: AdapterForm) {
  return { rank: layout.rank, alpha, useRslora, modules: [...layout.modules] };
}

async function tasksOf(
  { tasks }: FinetuneOptions,
  before: FinetuneDescription | undefined,
): Promise<readonly FinetuneTask[]> {
  return tasks === undefined && before ? before.tasks : listTasks(tasks);
}

/** The settings among the options. */
function settingsIn(options: FinetuneOptions): Partial<FinetuneSettings> {
  const others = ['out', 'tasks', 'resume', 'allowOtherInstructionSet', 'signal', 'onProgress', 'onStep', 'onTask'];
  return absolutePaths(Object.fromEntries(Object.entries(options).filter(([name]) => !others.includes(name))));
}
