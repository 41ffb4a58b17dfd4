/** Pickles of protocol 2, written by hand: what torch.save writes, and what it never would. */
export type Piece = Buffer;

const code = (...bytes: number[]): Piece => Buffer.from(bytes);
const uint32 = (value: number): Piece => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const join = (...pieces: Piece[]): Piece => Buffer.concat(pieces);
export const pickle = (value: Piece): Piece => join(code(0x80, 2), value, code(0x2e));
export const text = (value: string): Piece => {
  const bytes = Buffer.from(value);
  return join(code(0x58), uint32(bytes.length), bytes);
};
export const integer = (value: number): Piece => {
  if (Number.isInteger(value) && value >= 0 && value < 256) return code(0x4b, value);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return join(code(0x8a, 8), bytes);
};
export const none = code(0x4e);
export const bool = (value: boolean): Piece => code(value ? 0x88 : 0x89);
export const tuple = (...items: Piece[]): Piece => join(code(0x28), ...items, code(0x74));
export const list = (...items: Piece[]): Piece => join(code(0x5d, 0x28), ...items, code(0x65));
export const dict = (entries: Record<string, Piece>): Piece =>
  join(code(0x7d, 0x28), ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), code(0x75));
export const global = (module: string, name: string): Piece => Buffer.from(`c${module}\n${name}\n`);
export const reduce = (callable: Piece, ...args: Piece[]): Piece => join(callable, tuple(...args), code(0x52));
export const put = (index: number, value: Piece): Piece => join(value, code(0x72), uint32(index));
export const get = (index: number): Piece => join(code(0x6a), uint32(index));
export const build = (value: Piece, state: Piece): Piece => join(value, state, code(0x62));

export const orderedDict = reduce(global('collections', 'OrderedDict'));

export interface StorageDescription {
  /** As in `torch.FloatStorage`. Default: Float */
  type?: string;
  key: string;
  elements: number;
}

export function storage({ type = 'Float', key, elements }: StorageDescription): Piece {
  const id = tuple(text('storage'), global('torch', `${type}Storage`), text(key), text('cpu'), integer(elements));
  return join(id, code(0x51));
}

export interface TensorDescription extends StorageDescription {
  shape: readonly number[];
  strides?: readonly number[];
  offset?: number;
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * Math.max(size, 1), 1));
}

export function tensor({ shape, strides = rowMajor(shape), offset = 0, ...own }: TensorDescription): Piece {
  const sizes = (values: readonly number[]) => tuple(...values.map(integer));
  const rebuild = global('torch._utils', '_rebuild_tensor_v2');
  return reduce(rebuild, storage(own), integer(offset), sizes(shape), sizes(strides), bool(false), orderedDict);
}

export function parameter(data: Piece): Piece {
  return reduce(global('torch._utils', '_rebuild_parameter'), data, bool(true), orderedDict);
}
