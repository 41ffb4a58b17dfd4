import { AdapterLayout, type BaseModel, type LoraAdapter, loraScale, modulesOf } from '../adapter/index.js';
import { parseTensorName, placeKey } from '../adapter/names.js';
import { DndError } from '../errors.js';

/** An adapter as it is applied: a `LoraAdapter`, or the generated adapter of a generator. */
export type AppliedAdapter = Pick<LoraAdapter, 'config' | 'tensors'>;

/** An adapter as the engine takes it. */
export interface PackedAdapter {
  rank: number;
  /** In the order of MODULES. */
  modules: string[];
  /** Ascending. */
  layers: number[];
  scale: number;
  /** [elements] of the layout: its tensors one after the other. */
  values: Float32Array<ArrayBuffer>;
}

/**
 * The layout of an adapter, checked to belong to `base`.
 * @param folder of the base, for messages
 * @throws DndError SHAPE_MISMATCH for a tensor of another shape or layer than the base has, named; UNSUPPORTED_BASE for
 * modules that are not adapted
 */
export function layoutOn(adapter: AppliedAdapter, base: BaseModel, folder: string): AdapterLayout {
  const shapes = Array.from(adapter.tensors, ([name, { shape }]) => ({ name, shape }));
  const layout = AdapterLayout.fromTensors(shapes);
  const { rank, modules } = layout;
  const other = modules.find((name) => !modulesOf(base.modelType).includes(name));
  if (other !== undefined)
    throw new DndError(
      'SHAPE_MISMATCH',
      `the adapter does not belong to the base ${folder}: it adapts ${other}, a module that bases of type ` +
        `${base.modelType} do not have. Use an adapter of this base`,
    );
  const expected = new Map(
    new AdapterLayout({ base, rank, modules, layersPath: layout.layersPath }).tensors.map((tensor) => [
      tensor.name,
      tensor.shape,
    ]),
  );
  for (const { name, shape } of layout.tensors) {
    const own = expected.get(name);
    if (own && own[0] === shape[0] && own[1] === shape[1]) continue;
    const problem = own
      ? `has the wrong shape; expected [${own.join(', ')}], got [${shape.join(', ')}]`
      : `is of a layer that the base does not have; expected layers 0 to ${base.layers - 1}`;
    throw new DndError(
      'SHAPE_MISMATCH',
      `the adapter does not belong to the base ${folder}: ${name} ${problem}. Use an adapter of this base`,
    );
  }
  return layout;
}

/**
 * An adapter for the engine. Where modules have alphas of their own, the difference goes into their B.
 * @throws DndError as `layoutOn`
 */
export function packAdapter(adapter: AppliedAdapter, base: BaseModel, folder: string): PackedAdapter {
  const layout = layoutOn(adapter, base, folder);
  const byName = new Map(Array.from(adapter.tensors, ([name, { data }]) => [placeKey(name), data]));
  const scaleOf = (name: string) => loraScale(adapter.config, parseTensorName(name)!.module, layout.rank);
  const scale = scaleOf(layout.tensors[0]!.name);
  const values = new Float32Array(layout.elementCount);
  for (const { name, part, offset } of layout.tensors) {
    const data = byName.get(placeKey(name))!;
    const factor = part === 'B' ? scaleOf(name) / scale : 1;
    values.set(factor === 1 ? data : data.map((value) => value * factor), offset);
  }
  return { rank: layout.rank, modules: [...layout.modules], layers: layout.layers, scale, values };
}

/** Adapters that pass through the engine together. */
export interface AdapterGroup extends Omit<PackedAdapter, 'values'> {
  adapters: Float32Array<ArrayBuffer>[];
  /** Places of the prompts, in the order in which they were given. */
  places: number[];
  /** Of each place, the index in `adapters`; −1 for none. */
  adapterOf: number[];
}

/**
 * Divides prompts into groups that the engine takes together: one rank, one scale, the same modules and layers. Prompts
 * without an adapter join the first group.
 * @param adapters one for each place, null for none
 */
export function groupByAdapter(
  adapters: readonly (AppliedAdapter | null)[],
  base: BaseModel,
  folder: string,
): AdapterGroup[] {
  const packed = new Map<AppliedAdapter, { group: AdapterGroup; index: number }>();
  const groups = new Map<string, AdapterGroup>();
  for (const adapter of adapters) {
    if (adapter === null || packed.has(adapter)) continue;
    const { values, ...form } = packAdapter(adapter, base, folder);
    const key = JSON.stringify(form);
    const group = groups.get(key) ?? { ...form, adapters: [], places: [], adapterOf: [] };
    groups.set(key, group);
    packed.set(adapter, { group, index: group.adapters.push(values) - 1 });
  }
  const [first = { rank: 0, modules: [], layers: [], scale: 0, adapters: [], places: [], adapterOf: [] }] =
    groups.values();
  for (const [place, adapter] of adapters.entries()) {
    const { group, index } = adapter === null ? { group: first, index: -1 } : packed.get(adapter)!;
    group.places.push(place);
    group.adapterOf.push(index);
  }
  return groups.size === 0 ? [first] : [...groups.values()];
}
