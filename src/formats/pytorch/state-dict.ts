import { quote } from '../../validation/index.js';
import { corrupt } from './errors.js';
import { Dictionary, type PickleValue, StoredTensor, Tuple } from './pickle-values.js';

/** Name of a tensor that is the whole archive: `torch.save(tensor, path)`. */
export const SOLE_TENSOR_NAME = 'tensor';
const DEEPEST = 32;
const LONGEST_NAME = 1024;
/** Containers may be shared, so that a small pickle describes exponentially many paths. */
const MOST_VISITS = 2 ** 19;

/**
 * The tensors of a value, by name: the keys of the dicts, and the positions in lists, that lead to them, joined by
 * dots, as in the state dict of a model. Other values are left out.
 * @throws DndError CORRUPT_FILE
 */
export function namedTensors(root: PickleValue, path: string): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  let visits = 0;
  const visit = (value: PickleValue, name: string | undefined, depth: number): void => {
    if (++visits > MOST_VISITS) throw corrupt(path, 'it has too many values');
    if (value instanceof StoredTensor) add(value, name ?? SOLE_TENSOR_NAME);
    const children = childrenOf(value);
    if (children === undefined) return;
    if (depth === DEEPEST) throw corrupt(path, `${nameOf(name)} is nested more than ${DEEPEST} levels deep`);
    for (const [key, child] of children) visit(child, name === undefined ? key : `${name}.${key}`, depth + 1);
  };
  const add = (tensor: StoredTensor, name: string): void => {
    if (name.length > LONGEST_NAME) throw corrupt(path, `the name of tensor ${quote(name)} is too long`);
    if (found.has(name)) throw corrupt(path, `it has two tensors ${quote(name)}`);
    found.set(name, tensor);
  };
  visit(root, undefined, 0);
  return found;
}

function nameOf(name: string | undefined): string {
  return name === undefined ? 'its value' : quote(name);
}

function childrenOf(value: PickleValue): Iterable<readonly [string, PickleValue]> | undefined {
  if (value instanceof Dictionary) return entries(value);
  if (value instanceof Tuple) return items(value.items);
  if (Array.isArray(value)) return items(value);
  return undefined;
}

function* entries({ entries: all }: Dictionary): Iterable<readonly [string, PickleValue]> {
  for (const [key, value] of all) yield [String(key), value];
}

function* items(values: readonly PickleValue[]): Iterable<readonly [string, PickleValue]> {
  for (const [index, value] of values.entries()) yield [String(index), value];
}
