import type { LoraAdapter, LoraConfig } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { errorMessage } from '../validation/index.js';

/**
 * The configuration of a sum of adapters whose scale is 1.
 * @param modules the base's names of the modules of the sum
 * @throws DndError SHAPE_MISMATCH for adapters of different kinds of bases
 */
export function composedConfig(
  names: readonly string[],
  adapters: readonly LoraAdapter[],
  modules: readonly string[],
  rank: number,
): LoraConfig {
  const configs = adapters.map(({ config }) => config);
  const [first] = configs as [LoraConfig];
  const fanInFanOut = first.fanInFanOut ?? false;
  const other = configs.findIndex((config) => (config.fanInFanOut ?? false) !== fanInFanOut);
  if (other !== -1)
    throw new DndError(
      'SHAPE_MISMATCH',
      errorMessage({
        what: `${names[other]}: fan_in_fan_out`,
        problem: `is another than that of ${names[0]}, so the adapters belong to different bases`,
        expected: String(fanInFanOut),
        shown: String(!fanInFanOut),
        advice: 'compose adapters of one base model',
      }),
    );
  const baseModelName = configs.find((config) => config.baseModelName !== null)?.baseModelName ?? null;
  const common = { rank, alpha: rank, useRslora: false, baseModelName, fanInFanOut };
  if (configs.every((config) => selectionOf(config) === selectionOf(first))) {
    const targets = new Set(configs.flatMap(({ targetModules }) => targetModules));
    const { layersToTransform = null, excludeModules = null } = first;
    return { ...common, targetModules: [...targets], layersToTransform, excludeModules };
  }
  // Layers and exclusions of one adapter would also apply to the modules of another: every module by its whole name.
  return { ...common, targetModules: [...modules] };
}

/** Which of the modules that match `target_modules` are adapted, as a key. */
function selectionOf({ layersToTransform, excludeModules }: LoraConfig): string {
  return JSON.stringify([layersToTransform ?? null, excludeModules ?? null]);
}
