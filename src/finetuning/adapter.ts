import { join } from 'node:path';
import { AdapterLayout, LoraAdapter, readPeft, scaleOf, writePeft } from '../adapter/index.js';
import { placeKey } from '../adapter/names.js';
import { CausalTrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { sha256OfFiles } from '../files/index.js';
import { type LanguageModel, layoutOn } from '../language/index.js';
import { CHECKPOINT_DTYPES, type CheckpointDtype, type ResolvedSettings } from './settings.js';

/** The form of the adapters of a run, and what they start from. */
export interface AdapterForm {
  layout: AdapterLayout;
  alpha: number;
  useRslora: boolean;
  /** The start adapter, in the order of the layout; null: a fresh one. */
  start: Float32Array<ArrayBuffer> | null;
  /** SHA-256 of the start adapter's file; null without one. */
  startSha256: string | null;
}

/**
 * @throws DndError as `readPeft`; SHAPE_MISMATCH for a start adapter of another base, UNSUPPORTED_FORMAT for one whose
 * modules differ in alpha or whose layers are not all adapted
 */
export async function adapterForm(
  model: LanguageModel,
  settings: ResolvedSettings,
  signal: AbortSignal | undefined,
): Promise<AdapterForm> {
  const { base, folder } = model;
  const { start, rank, alpha, useRslora, modules } = settings;
  if (start === undefined)
    return { layout: new AdapterLayout({ base, rank, modules }), alpha, useRslora, start: null, startSha256: null };
  const adapter = await readPeft(start, { signal });
  const found = layoutOn(adapter, base, folder);
  const layers = found.layers.length;
  const { config } = adapter;
  if (layers !== base.layers || Object.keys(config.alphaPattern ?? {}).length > 0)
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${start} cannot be a start adapter: expected one alpha and all ${base.layers} layers adapted, got ` +
        `${layers === base.layers ? 'alpha_pattern' : `${layers} layers`}. Start from another one, or from none`,
    );
  const layout = new AdapterLayout({ base, rank: found.rank, modules: found.modules });
  const data = new Map(Array.from(adapter.tensors, ([name, tensor]) => [placeKey(name), tensor.data]));
  const values = new Float32Array(layout.elementCount);
  for (const { name, offset } of layout.tensors) values.set(data.get(placeKey(name))!, offset);
  return {
    layout,
    alpha: config.alpha,
    useRslora: config.useRslora,
    start: values,
    startSha256: await sha256OfFiles([join(start, 'adapter_model.safetensors')], signal),
  };
}

/** A trainer of an adapter of this form, not yet filled. */
export function createTrainer(
  model: LanguageModel,
  { layout, alpha, useRslora }: AdapterForm,
  { beta1, beta2, eps, weightDecay, maxGradientNorm, memoryLimit, threads }: ResolvedSettings,
): Promise<CausalTrainerEngine> {
  const { rank, modules, layers } = layout;
  const scale = scaleOf({ alpha, useRslora }, rank);
  return CausalTrainerEngine.create(model.engine, {
    parameters: { trained: 'lora', scale, rank, modules: [...modules], layers },
    optimiser: { beta1, beta2, eps, weightDecay, maxGradientNorm, moments: 'fp32' },
    threads,
    // The base's parameters count towards the limit as well.
    memoryLimitBytes: memoryLimit === undefined ? undefined : Math.max(1, memoryLimit - model.engine.parameterBytes),
  });
}

/** Writes an adapter, [elements] of the layout, into a trainer. */
export function fillTrainer(trainer: CausalTrainerEngine, layout: AdapterLayout, values: Float32Array): void {
  for (const { name, shape, offset } of layout.tensors) {
    const { buffer, byteOffset, byteLength } = values.subarray(offset, offset + shape[0] * shape[1]);
    trainer.writeParameter(name, 0, new Uint8Array(buffer, byteOffset, byteLength), 'F32');
  }
}

/** The adapter that a trainer has learnt so far, [elements] of the layout. */
export function valuesOf(trainer: CausalTrainerEngine, layout: AdapterLayout): Float32Array<ArrayBuffer> {
  const values = new Float32Array(layout.elementCount);
  for (const { name, shape, offset } of layout.tensors)
    values.set(trainer.readParameter(name, 0, shape[0] * shape[1]), offset);
  return values;
}

/** Writes it as a PEFT folder, which appears whole or not at all, and replaces an earlier one. */
export async function writeAdapter(
  path: string,
  values: Float32Array,
  { layout, alpha, useRslora }: AdapterForm,
  dtype: CheckpointDtype,
): Promise<void> {
  const adapter = LoraAdapter.fromValues(layout, values, { alpha, useRslora });
  await writePeft(path, adapter, { dtype: CHECKPOINT_DTYPES[dtype], force: true });
}
