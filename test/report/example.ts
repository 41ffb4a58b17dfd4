import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluation, TrainingStep } from '../../src/training/metrics.js';

/** A task's name that would break a careless page. */
export const HOSTILE = '</script><b>"&';

const MODULES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'gate_proj', 'down_proj'];

/** run.json as dnd train writes it, for a base with 28 adapter tensors. */
export function exampleDescription() {
  return {
    formatVersion: 1,
    createdBy: 'dnd-lora 0.1.0',
    preset: null,
    base: {
      name: 'tiny/qwen2',
      modelType: 'qwen2',
      hidden: 16,
      heads: 4,
      kvHeads: 2,
      headDim: 4,
      intermediate: 24,
      layers: 2,
    },
    encoder: { type: 'hash', channels: 16 },
    condition: { maxLength: 8, padding: 'encode', pooling: 'none' },
    decoder: {
      features: [
        [4, 8, 16],
        [28, 4, 26],
      ],
      kernelSize: 3,
      projectedFrom: 0,
    },
    adapter: { rank: 2, alpha: 4, useRslora: false, modules: MODULES, chunk: 24, layersPath: 'model.layers' },
    parameters: 12_345,
    weightTokens: { count: 28, height: 4, width: 26 },
    pairs: {
      folder: '/data/pairs',
      digest: 'd1'.repeat(32),
      tasks: [
        { name: 'arc-c', heldOut: false, prompts: 1119, checkpoints: 24, heldOutCheckpoints: 4 },
        { name: HOSTILE, heldOut: false, prompts: 500, checkpoints: 24, heldOutCheckpoints: 4 },
        { name: 'boolq', heldOut: true, prompts: 3270, checkpoints: 24, heldOutCheckpoints: 0 },
      ],
      skipped: 1,
    },
    settings: { steps: 400, batch: 2, learningRate: 3e-5, maxGradientNorm: 1, weightDecay: 0.1, seed: 7 },
  };
}

/** The same for the same argument, between −1 and 1, without any order that a curve would show. */
const wobble = (i: number) => Math.sin(i * i * 1.7 + 3 * i);

/** A step of a run that works: the loss falls to a fifth, the norm ratio grows to 1. */
export function exampleStep(step: number, more: Partial<TrainingStep> = {}): TrainingStep {
  const fallen = Math.exp(-step / 130);
  const loss = 0.2 + 0.8 * fallen + 0.04 * wobble(step);
  return {
    step,
    loss,
    normRatio: 1 - 0.98 * fallen + 0.02 * wobble(step + 1),
    gradientNorm: 0.3 + 3 * fallen + 0.2 * wobble(step + 2) ** 2,
    learningRate: 3e-5 * 0.5 * (1 + Math.cos((Math.PI * step) / 400)),
    taskLosses: { [step % 2 === 0 ? 'arc-c' : HOSTILE]: loss },
    seconds: 0.8,
    dataSeconds: 0.02,
    ...more,
  };
}

export function exampleEvaluation(evaluation: number): Evaluation {
  const fallen = Math.exp(-evaluation / 150);
  const fit = (shift: number) => ({
    loss: 0.25 + 0.75 * fallen + shift,
    normRatio: 0.95 - 0.95 * fallen - shift / 2,
    cosine: 0.85 * (1 - fallen) - shift,
  });
  const task = (name: string, heldOut: 'task' | 'checkpoints', shift: number) => ({
    task: name,
    heldOut,
    checkpoints: 4,
    ...fit(shift),
    modules: Object.fromEntries(MODULES.map((module, i) => [module, fit(shift + i / 30)])),
  });
  return {
    evaluation,
    tasks: [task('arc-c', 'checkpoints', 0), task(HOSTILE, 'checkpoints', 0.02), task('boolq', 'task', 0.1)],
    cells: [0, 1].flatMap((layer) =>
      MODULES.map((module, i) => ({ layer, module, ...fit((i - 2) / 12 + layer / 10), loss: undefined })),
    ),
    seconds: 2,
  };
}

export function exampleLines(steps = 400, evaluateEvery = 50): string[] {
  const lines: string[] = [];
  for (let step = 1; step <= steps; step++) {
    lines.push(JSON.stringify(exampleStep(step)));
    if (step % evaluateEvery === 0) lines.push(JSON.stringify(exampleEvaluation(step)));
  }
  return lines;
}

/** run.json of a run with the behaviour loss, or with both, which evaluates the responses of all tasks. */
export function behaviourDescription(loss: 'behaviour' | 'both' = 'behaviour') {
  const description = exampleDescription();
  return {
    ...description,
    adapter: { ...description.adapter, chunk: 26, normalisation: 'residual', normalisationSha256: 'ab'.repeat(32) },
    weightTokens: { count: 28, height: 2, width: 26 },
    decoder: {
      ...description.decoder,
      features: [
        [4, 8, 16],
        [28, 2, 26],
      ],
    },
    settings: { ...description.settings, loss },
  };
}

/** A step as that run's. */
export function behaviourStep(step: number, more: Partial<TrainingStep> = {}): TrainingStep {
  const made = exampleStep(step);
  return { ...made, behaviourLoss: made.loss, normRatio: null, ...more };
}

/** Responses become likelier, those of held-out tasks less than the others. */
export function behaviourEvaluation(evaluation: number, heldOutLoss?: number): Evaluation {
  const fallen = Math.exp(-evaluation / 150);
  const responses = (task: string, heldOut: 'task' | 'checkpoints', loss: number) => {
    return { task, heldOut, items: 8, loss, exactMatch: Math.max(0, 1 - loss) };
  };
  return {
    evaluation,
    tasks: [],
    cells: [],
    responses: [
      responses('arc-c', 'checkpoints', fallen),
      responses('boolq', 'task', heldOutLoss ?? 0.3 + 0.8 * fallen),
    ],
    seconds: 2,
  };
}

/** Writes a run's folder. */
export async function writeRun(folder: string, content: { description?: unknown; metrics?: string | null } = {}) {
  await mkdir(folder, { recursive: true });
  const { description = exampleDescription(), metrics = `${exampleLines().join('\n')}\n` } = content;
  await writeFile(join(folder, 'run.json'), JSON.stringify(description));
  if (metrics !== null) await writeFile(join(folder, 'metrics.jsonl'), metrics);
  return folder;
}
