import { join } from 'node:path';
import { eventLoopYielder, type LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { type TensorSource, writeSafetensors } from '../formats/safetensors/index.js';
import { invalidValue, isWholeNumber, wholeNumberRange } from '../validation/index.js';
import { type AdapterDtype, encodeWeights } from './encode.js';
import type { LoraAdapter, LoraConfig } from './lora-adapter.js';

export const PEFT_CONFIG_FILE = 'adapter_config.json';
export const PEFT_TENSORS_FILE = 'adapter_model.safetensors';

export interface PeftWriteOptions extends LongOperation {
  dtype: AdapterDtype;
  /** Replace an existing adapter folder. */
  force?: boolean | undefined;
}

/** Every key for which a reader could have its own default. */
function peftConfig(config: LoraConfig): Record<string, unknown> {
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: config.baseModelName,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: config.fanInFanOut ?? false,
    inference_mode: true,
    modules_to_save: null,
    use_rslora: config.useRslora,
    use_dora: false,
    rank_pattern: config.rankPattern ?? {},
    alpha_pattern: config.alphaPattern ?? {},
    target_modules: config.targetModules,
    ...(config.layersToTransform ? { layers_to_transform: config.layersToTransform } : {}),
    ...(config.excludeModules ? { exclude_modules: config.excludeModules } : {}),
  };
}

/** @throws DndError INVALID_ARGUMENT for a configuration that readers reject */
export function checkConfig({ rank, alpha, targetModules }: LoraConfig): void {
  if (!isWholeNumber(rank, 1))
    throw invalidValue('INVALID_ARGUMENT', 'the rank of an adapter', wholeNumberRange(1), rank);
  if (!Number.isFinite(alpha) || alpha <= 0)
    throw invalidValue('INVALID_ARGUMENT', 'the alpha of an adapter', 'a number above 0', alpha);
  if (targetModules.length === 0)
    throw new DndError('INVALID_ARGUMENT', 'an adapter needs target modules; it has none');
}

/**
 * Writes an adapter as a folder that PEFT, vLLM, SGLang and LoRAX read: `adapter_config.json` and
 * `adapter_model.safetensors` with its tensors ordered by name. The folder appears whole or not at all.
 * @throws DndError INVALID_WEIGHTS for NaN, infinity, or what `dtype` cannot hold; OUTPUT_EXISTS, DISK_FULL,
 * NOT_WRITABLE; INVALID_ARGUMENT for a configuration that readers reject; `signal.reason` after an abort
 */
export async function writePeft(folder: string, adapter: LoraAdapter, options: PeftWriteOptions): Promise<void> {
  const { dtype, force, signal, onProgress } = options;
  checkConfig(adapter.config);
  if (adapter.tensors.size === 0) throw new DndError('INVALID_WEIGHTS', 'the adapter has no tensors');
  const yieldToEventLoop = eventLoopYielder();
  const sources = Array.from(
    adapter.tensors,
    ([name, tensor]): TensorSource => ({
      name,
      dtype,
      shape: tensor.shape,
      bytes: () => encodeWeights(name, tensor, dtype, yieldToEventLoop),
    }),
  );
  await writeFolderAtomically(folder, { force, signal, marker: PEFT_CONFIG_FILE }, async (staging) => {
    await writeSafetensors(join(staging, PEFT_TENSORS_FILE), sources, {
      metadata: { format: 'pt' },
      signal,
      onProgress,
    });
    const config = `${JSON.stringify(peftConfig(adapter.config), null, 2)}\n`;
    await writeFileAtomically(join(staging, PEFT_CONFIG_FILE), config, { signal });
  });
}
