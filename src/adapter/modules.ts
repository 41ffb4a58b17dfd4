import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

/** The sizes that a projection of a decoder layer can have on either side. */
export type WidthName = 'hidden' | 'query' | 'keyValue' | 'queryKeyValue' | 'intermediate' | 'gateUp';

/** Query and key–value widths are heads × head dimension; the query width need not be the hidden size. */
export type Widths = Record<WidthName, number>;

/**
 * The projections an adapter may have, in the order of their weight tokens inside a layer (up before gate, as the
 * published code has it). `parent` is the block that holds them in the base model. `fuses`: the modules that a fused
 * one, as in Phi-3, stands for; it takes their place in the order.
 */
export const MODULES = [
  { name: 'q_proj', parent: 'self_attn', input: 'hidden', output: 'query', fuses: [] },
  { name: 'k_proj', parent: 'self_attn', input: 'hidden', output: 'keyValue', fuses: [] },
  { name: 'v_proj', parent: 'self_attn', input: 'hidden', output: 'keyValue', fuses: [] },
  {
    name: 'qkv_proj',
    parent: 'self_attn',
    input: 'hidden',
    output: 'queryKeyValue',
    fuses: ['q_proj', 'k_proj', 'v_proj'],
  },
  { name: 'o_proj', parent: 'self_attn', input: 'query', output: 'hidden', fuses: [] },
  { name: 'up_proj', parent: 'mlp', input: 'hidden', output: 'intermediate', fuses: [] },
  { name: 'gate_proj', parent: 'mlp', input: 'hidden', output: 'intermediate', fuses: [] },
  { name: 'gate_up_proj', parent: 'mlp', input: 'hidden', output: 'gateUp', fuses: ['up_proj', 'gate_proj'] },
  { name: 'down_proj', parent: 'mlp', input: 'intermediate', output: 'hidden', fuses: [] },
] as const satisfies readonly {
  name: string;
  parent: string;
  input: WidthName;
  output: WidthName;
  fuses: readonly string[];
}[];

export type Module = (typeof MODULES)[number];
export type ModuleName = Module['name'];

/** Every name in MODULES. */
export const KNOWN_MODULES: readonly ModuleName[] = MODULES.map(({ name }) => name);

/** The modules of a base, by how its family divides a layer: see `TextFamily`. */
export const MODULES_OF = {
  separate: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'gate_proj', 'down_proj'],
  fused: ['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj'],
  attention: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
} as const satisfies Record<string, readonly ModuleName[]>;

/** Those of most bases. */
export const MODULE_NAMES: readonly ModuleName[] = MODULES_OF.separate;

/** A fused module and one that it stands for, if `names` has such a pair: no layer has both. */
export function fusedTwice(names: readonly string[]): readonly [string, string] | undefined {
  for (const { name, fuses } of MODULES) {
    const other = names.includes(name) ? fuses.find((part) => names.includes(part)) : undefined;
    if (other !== undefined) return [name, other];
  }
  return undefined;
}

/**
 * The modules that `names` select, each once, in the order of MODULES. `self_attn.q_proj` is accepted for `q_proj`.
 * @param available the modules of the base; all, if the base is unknown
 * @throws DndError INVALID_ARGUMENT for an unknown name, or none at all
 */
export function selectModules(names: readonly string[], available: readonly ModuleName[] = KNOWN_MODULES): Module[] {
  if (!Array.isArray(names))
    throw new DndError('INVALID_ARGUMENT', `modules must be a list of names, not ${quoteValue(names)}`);
  const selected = MODULES.filter(({ name, parent }) => names.includes(name) || names.includes(`${parent}.${name}`));
  for (const name of names) {
    const module = selected.find((one) => name === one.name || name === `${one.parent}.${one.name}`);
    if (module && available.includes(module.name)) continue;
    const where = module ? `the base has no module ${quoteValue(name)}` : `there is no module ${quoteValue(name)}`;
    throw new DndError('INVALID_ARGUMENT', `${where}; choose from ${available.join(', ')}`);
  }
  if (names.length === 0) {
    throw new DndError('INVALID_ARGUMENT', `an adapter needs at least one module; choose from ${available.join(', ')}`);
  }
  const twice = fusedTwice(selected.map(({ name }) => name));
  if (twice) throw new DndError('INVALID_ARGUMENT', `${twice[0]} contains ${twice[1]}; no layer has both. Choose one`);
  return selected;
}
