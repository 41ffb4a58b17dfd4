import { LoraAdapter } from './lora-adapter.js';

/** An adapter in memory, from whichever part of the package: a `LoraAdapter`, a generated or a composed adapter. */
export type GivenAdapter = Pick<LoraAdapter, 'config' | 'tensors'>;

/** @throws DndError SHAPE_MISMATCH, INVALID_ARGUMENT as the constructor of `LoraAdapter` */
export function toLoraAdapter(adapter: GivenAdapter): LoraAdapter {
  return adapter instanceof LoraAdapter ? adapter : new LoraAdapter(adapter?.config, adapter?.tensors);
}
