import type { Architecture } from './architectures.js';
import type { Place } from './names.js';

export interface Targets {
  targetModules: string[];
  layersToTransform?: number[];
}

/** The last part of a module's path, unless that also names modules that are not adapted. */
function shortName(path: string, { modules }: Architecture, adapted: ReadonlySet<string>): string {
  const last = path.slice(path.lastIndexOf('.') + 1);
  const others = modules.filter((module) => module.path.endsWith(`.${last}`) && !adapted.has(module.path));
  return others.length === 0 ? last : path;
}

/**
 * PEFT's settings that select these modules and no others: short names where all adapted layers have the same modules, whole
 * names otherwise.
 * @param layers of the base model; unknown: those up to the last adapted one
 */
export function targetsOf(
  places: readonly Place[],
  architecture: Architecture,
  layersPath: string,
  layers: number | undefined,
): Targets {
  const byLayer = new Map<number, Set<string>>();
  for (const { layer, module } of places) byLayer.set(layer, (byLayer.get(layer) ?? new Set()).add(module.path));
  const adapted = new Set(places.map(({ module }) => module.path));
  if (![...byLayer.values()].every((paths) => paths.size === adapted.size)) {
    return { targetModules: places.map(({ layer, module }) => `${layersPath}.${layer}.${module.path}`) };
  }
  const ordered = architecture.modules.filter(({ path }) => adapted.has(path));
  const targetModules = [...new Set(ordered.map(({ path }) => shortName(path, architecture, adapted)))];
  const numbers = [...byLayer.keys()].sort((a, b) => a - b);
  const all = layers ?? numbers.at(-1)! + 1;
  return numbers.length === all ? { targetModules } : { targetModules, layersToTransform: numbers };
}
