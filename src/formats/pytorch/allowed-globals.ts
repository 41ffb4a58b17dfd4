import { isWholeNumber } from '../../validation/index.js';
import type { Dtype } from '../dtypes.js';
import {
  Callable,
  Dictionary,
  describe,
  Opaque,
  type PickleValue,
  StorageReference,
  StorageType,
  StoredTensor,
  Tuple,
} from './pickle-values.js';

/** What a pickle does wrong: the caller adds the file. */
export class PickleFault extends Error {}

const MOST_AXES = 64;

const STORAGES: Record<string, Dtype> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** Plain values that state dicts and their optimisers hold beside tensors. */
const DTYPES = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'uint8', 'bool'];

function sizes(value: PickleValue | undefined, what: string): number[] {
  const items = value instanceof Tuple ? value.items : undefined;
  if (items && items.length <= MOST_AXES && items.every((item) => isWholeNumber(item, 0)))
    return [...items] as number[];
  throw new PickleFault(`the ${what} of a tensor must be a tuple of at most ${MOST_AXES} non-negative whole numbers`);
}

/** The number of elements of the storage that a view reaches into. */
export function reach(offset: number, shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((last, size, axis) => last + (size - 1) * strides[axis]!, offset) + 1;
}

/** torch._utils._rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None) */
function rebuildTensor(args: readonly PickleValue[]): StoredTensor {
  const [reference, offset, size, stride, , , metadata] = args;
  if (!(reference instanceof StorageReference)) {
    throw new PickleFault(`a tensor is rebuilt from ${describe(reference)} instead of a storage`);
  }
  if (!isWholeNumber(offset, 0)) throw new PickleFault('the offset of a tensor must be a non-negative whole number');
  const shape = sizes(size, 'shape');
  const strides = sizes(stride, 'strides');
  if (shape.length !== strides.length) {
    throw new PickleFault(`a tensor has ${shape.length} axes and ${strides.length} strides`);
  }
  if (metadata instanceof Dictionary && metadata.entries.size > 0) {
    throw new PickleFault('a tensor is marked as conjugated or negated, which is not supported');
  }
  const { storage } = reference;
  const needed = reach(offset, shape, strides);
  if (!(needed <= storage.elements)) {
    throw new PickleFault(
      `a tensor of shape [${shape.join(', ')}] needs ${needed} elements of its storage, which has ${storage.elements}`,
    );
  }
  return new StoredTensor(storage, offset, shape, strides);
}

/** torch._utils._rebuild_parameter(data, requires_grad, backward_hooks) */
function rebuildParameter([data]: readonly PickleValue[]): StoredTensor {
  if (data instanceof StoredTensor) return data;
  throw new PickleFault(`a parameter is rebuilt from ${describe(data)} instead of a tensor`);
}

function emptyDictionary(args: readonly PickleValue[]): Dictionary {
  if (args.length > 0) throw new PickleFault('an OrderedDict is made from arguments');
  return new Dictionary();
}

function size([items]: readonly PickleValue[]): Tuple {
  if (items instanceof Tuple) return items;
  throw new PickleFault(`a torch.Size is made from ${describe(items)} instead of a tuple`);
}

const CALLABLES: Record<string, (args: readonly PickleValue[]) => PickleValue> = {
  'collections.OrderedDict': emptyDictionary,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': rebuildParameter,
  'torch.Size': size,
  'torch.device': () => new Opaque('torch.device'),
};

/** The names that a pickle may refer to: what state dicts consist of. Nothing else is known, let alone run. */
export const ALLOWED_GLOBALS: ReadonlyMap<string, Callable | StorageType | Opaque> = new Map([
  ...Object.entries(CALLABLES).map(([name, call]) => [name, new Callable(name, call)] as const),
  ...Object.entries(STORAGES).map(([name, dtype]) => [name, new StorageType(name, dtype)] as const),
  ...DTYPES.map((dtype) => [`torch.${dtype}`, new Opaque(`torch.${dtype}`)] as const),
]);

/** The storage that a persistent id stands for: ('storage', type, key, location, number of elements). */
export function storageOf(id: PickleValue): StorageReference {
  const [kind, type, key, location, elements] = id instanceof Tuple ? id.items : [];
  if (
    kind !== 'storage' ||
    !(type instanceof StorageType) ||
    typeof key !== 'string' ||
    typeof location !== 'string' ||
    !isWholeNumber(elements, 0)
  ) {
    throw new PickleFault('a storage is not described as torch.save does');
  }
  return new StorageReference({ key, dtype: type.dtype, elements });
}
