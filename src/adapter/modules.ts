import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

/** The four sizes that a projection of a decoder layer can have on either side. */
export type WidthName = 'hidden' | 'query' | 'keyValue' | 'intermediate';

/** Query and key–value widths are heads × head dimension; the query width need not be the hidden size. */
export type Widths = Record<WidthName, number>;

/**
 * The projections an adapter may have, in the order of their weight tokens inside a layer (up before gate, as the
 * published code has it). `parent` is the block that holds them in the base model.
 */
export const MODULES = [
  { name: 'q_proj', parent: 'self_attn', input: 'hidden', output: 'query' },
  { name: 'k_proj', parent: 'self_attn', input: 'hidden', output: 'keyValue' },
  { name: 'v_proj', parent: 'self_attn', input: 'hidden', output: 'keyValue' },
  { name: 'o_proj', parent: 'self_attn', input: 'query', output: 'hidden' },
  { name: 'up_proj', parent: 'mlp', input: 'hidden', output: 'intermediate' },
  { name: 'gate_proj', parent: 'mlp', input: 'hidden', output: 'intermediate' },
  { name: 'down_proj', parent: 'mlp', input: 'intermediate', output: 'hidden' },
] as const satisfies readonly { name: string; parent: string; input: WidthName; output: WidthName }[];

export type Module = (typeof MODULES)[number];
export type ModuleName = Module['name'];

export const MODULE_NAMES: readonly ModuleName[] = MODULES.map(({ name }) => name);

/**
 * The modules that `names` select, each once, in the order of MODULES. `self_attn.q_proj` is accepted for `q_proj`.
 * @throws DndError INVALID_ARGUMENT for an unknown name, or none at all
 */
export function selectModules(names: readonly string[]): Module[] {
  if (!Array.isArray(names))
    throw new DndError('INVALID_ARGUMENT', `modules must be a list of names, not ${quoteValue(names)}`);
  for (const name of names) {
    if (MODULES.some((module) => name === module.name || name === `${module.parent}.${module.name}`)) continue;
    throw new DndError(
      'INVALID_ARGUMENT',
      `there is no module ${quoteValue(name)}; choose from ${MODULE_NAMES.join(', ')}`,
    );
  }
  if (names.length === 0) {
    throw new DndError(
      'INVALID_ARGUMENT',
      `an adapter needs at least one module; choose from ${MODULE_NAMES.join(', ')}`,
    );
  }
  return MODULES.filter(({ name, parent }) => names.includes(name) || names.includes(`${parent}.${name}`));
}
