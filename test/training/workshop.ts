import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout, type BaseModel } from '../../src/adapter/index.js';
import { type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { TINY_BASE } from '../generator/tiny.js';

/** Form of the checkpoints: HF Trainer's and LLaMA-Factory's folders, or plain safetensors files. */
export type CheckpointStyle = 'trainer' | 'plain';

export interface TaskSettings {
  /** What prompts.json holds. Default: a dozen prompts with responses, made from the task's name. */
  items?: readonly unknown[];
  /** Default: 4. */
  checkpoints?: number;
}

export interface PairsSettings {
  /** Default: animals, numbers, plants. */
  tasks?: Readonly<Record<string, TaskSettings>>;
  /** Names of tasks. Default: none. */
  heldOut?: readonly string[];
  /** Default: the tiny base of test/generator. */
  base?: BaseModel;
  rank?: number;
  alpha?: number;
  modules?: readonly string[];
  style?: CheckpointStyle;
  /** Written to pairs.json instead of base and heldOut; null: no pairs.json. */
  pairsJson?: unknown;
  seed?: number;
}

/** Distance between the tasks' weights, and drift of a task's checkpoints. */
const TASK_SPREAD = 0.02;
const STEP_SPREAD = 0.004;

/**
 * Writes a pairs folder of tiny random adapters: those of a task are scattered around their own centre and drift from
 * checkpoint to checkpoint, as a fine-tuning's do.
 */
export async function writePairs(folder: string, settings: PairsSettings = {}): Promise<void> {
  const { tasks = { animals: {}, numbers: {}, plants: {} }, heldOut, base = TINY_BASE, style = 'trainer' } = settings;
  const random = SplitMix64.seeded(settings.seed ?? 1);
  await mkdir(folder, { recursive: true });
  const { pairsJson = { formatVersion: 1, base: configOf(base), ...(heldOut ? { heldOut } : {}) } } = settings;
  if (pairsJson !== null) await writeFile(join(folder, 'pairs.json'), JSON.stringify(pairsJson, null, 2));
  const layout = new AdapterLayout({ base, rank: settings.rank ?? 2, modules: settings.modules });
  for (const [task, { items = itemsOf(task), checkpoints = 4 }] of Object.entries(tasks)) {
    await mkdir(join(folder, task, 'checkpoints'), { recursive: true });
    await writeFile(join(folder, task, 'prompts.json'), JSON.stringify(items));
    const weights = layout.tensors.map(({ shape }) => noise(random, shape[0] * shape[1], TASK_SPREAD));
    for (let step = 1; step <= checkpoints; step++) {
      for (const values of weights) {
        const drift = noise(random, values.length, STEP_SPREAD);
        for (let i = 0; i < values.length; i++) values[i]! += drift[i]!;
      }
      const tensors = new Map(layout.tensors.map(({ name, shape }, i) => [name, { shape, data: weights[i]! }]));
      await writeCheckpoint(checkpointPath(folder, task, step, style), tensors, {
        style,
        rank: layout.rank,
        alpha: settings.alpha ?? 4,
        modules: layout.modules,
      });
    }
  }
}

/** Of the safetensors file. */
export function checkpointPath(folder: string, task: string, step: number, style: CheckpointStyle = 'trainer'): string {
  const place = join(folder, task, 'checkpoints');
  if (style === 'plain') return join(place, `${step}.safetensors`);
  return join(place, `checkpoint-${step}`, 'adapter_model.safetensors');
}

/** Writes the tensors, and what PEFT and HF Trainer write beside them. */
export async function writeCheckpoint(
  path: string,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  { style, rank, alpha, modules }: { style: CheckpointStyle; rank: number; alpha: number; modules: readonly string[] },
): Promise<void> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true });
  const sources = Array.from(
    tensors,
    ([name, { shape, data }]): TensorSource => ({
      name,
      dtype: 'F32',
      shape,
      bytes: () => [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
    }),
  );
  await writeSafetensors(path, sources, { metadata: { format: 'pt' } });
  const config = { ...PEFT_CONFIG, r: rank, lora_alpha: alpha, target_modules: modules };
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config, null, 2));
  if (style === 'plain') return;
  for (const name of ['optimizer.pt', 'scheduler.pt', 'rng_state.pth', 'training_args.bin'])
    await writeFile(join(folder, name), 'not for us');
  await writeFile(join(folder, 'trainer_state.json'), '{"global_step": 1}');
}

/** adapter_config.json as PEFT 0.21 wrote it. */
const PEFT_CONFIG = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/peft/qwen2/adapter_config.json'), 'utf8'),
) as Record<string, unknown>;

/** config.json of a base model. */
export function configOf(base: BaseModel): Record<string, unknown> {
  return {
    _name_or_path: base.name,
    model_type: base.modelType,
    hidden_size: base.hidden,
    num_attention_heads: base.heads,
    num_key_value_heads: base.kvHeads,
    head_dim: base.headDim,
    intermediate_size: base.intermediate,
    num_hidden_layers: base.layers,
  };
}

export function itemsOf(task: string, count = 12): { prompt: string; response: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: `Question ${i + 1} about ${task}: which of the ${i + 2} ${task} comes first?`,
    response: `number ${(i * 7) % 5}`,
  }));
}

/** Uniform, with this standard deviation. */
function noise(random: SplitMix64, count: number, deviation: number): Float32Array {
  return Float32Array.from({ length: count }, () => {
    random.step();
    return (random.high / 2 ** 31 - 1) * Math.sqrt(3) * deviation;
  });
}
