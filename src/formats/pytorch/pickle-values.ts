import type { Dtype } from '../dtypes.js';

/** A list of bytes that several tensors may share. */
export interface Storage {
  /** Name of its entry, below `data/`. */
  key: string;
  dtype: Dtype;
  elements: number;
}

/** A view of a storage, as `torch.as_strided` defines it: offset and strides in elements. */
export class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

export class StorageReference {
  constructor(readonly storage: Storage) {}
}

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A dict or OrderedDict. */
export class Dictionary {
  readonly entries = new Map<Key, PickleValue>();
}

export type Key = string | number | bigint | boolean | null;

/** Something that is named by the file and has no meaning here: a dtype, a device. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** A function or class on the allow-list. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** The type of a storage's elements. */
export class StorageType {
  constructor(
    readonly name: string,
    readonly dtype: Dtype,
  ) {}
}

export type PickleValue =
  | Key
  | Uint8Array
  | PickleValue[]
  | Tuple
  | Dictionary
  | StoredTensor
  | StorageReference
  | Opaque
  | Callable
  | StorageType;

/** What a value is, for messages. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Tuple) return 'a tuple';
  if (value instanceof Dictionary) return 'a dict';
  if (value instanceof StoredTensor) return 'a tensor';
  if (value instanceof StorageReference) return 'a storage';
  if (value instanceof Opaque || value instanceof Callable || value instanceof StorageType) return value.name;
  return { boolean: 'a bool', string: 'a str', number: 'a number', bigint: 'a number' }[
    typeof value as 'boolean' | 'string' | 'number' | 'bigint'
  ];
}
