import { KNOWN_MODULES, type ModuleName } from './modules.js';
import { parseModulePath } from './names.js';

/** What wrapper classes put before a module's name, in one release or class and not in another. */
const WRAPPERS = new Set(['model', 'language_model', 'transformer', 'base_model']);

/**
 * The name of a module without the wrappers before it, by which a module is the same in any file of its base:
 * `layers.0.self_attn.q_proj` for `model.layers.0.self_attn.q_proj` and `model.language_model.layers.0.self_attn.q_proj`.
 */
export function moduleKey(module: string): string {
  const parts = module.split('.');
  const first = parts.findIndex((part) => !WRAPPERS.has(part));
  return first === -1 ? module : parts.slice(first).join('.');
}

const natural = new Intl.Collator('en', { numeric: true });

/** For sorting: layers ascending, in a layer the order of MODULES; other names in natural order. */
export function compareModules(one: string, other: string): number {
  const [first, second] = [parseModulePath(one), parseModulePath(other)];
  if (!first || !second) return natural.compare(one, other);
  const placeOf = (name: ModuleName) => KNOWN_MODULES.indexOf(name);
  return (
    natural.compare(first.layersPath, second.layersPath) ||
    first.layer - second.layer ||
    placeOf(first.module.name) - placeOf(second.module.name)
  );
}
