import { quote } from '../../validation/index.js';
import { ALLOWED_GLOBALS, PickleFault, storageOf } from './allowed-globals.js';
import { corrupt, unsupported } from './errors.js';
import { PickleBytes } from './pickle-bytes.js';
import { Callable, Dictionary, describe, type Key, type PickleValue, Tuple } from './pickle-values.js';

/** The state dict of fifty thousand tensors takes a quarter of this. */
export const MAX_PICKLE_BYTES = 2 ** 25;
/** So that a pickle cannot take many times its own size. A tensor takes about 36, its name and shape included. */
const MOST_UNITS = 2 ** 21;
const OBJECT_UNITS = 8;
const TUPLE_UNITS = 2;
const NEWEST_PROTOCOL = 5;

/** A global that is not on the allow-list. */
class ForeignGlobal extends Error {}

const MARK = Symbol('mark');

/** Pickle's stack machine, without what could run code: see the allow-list. */
class Unpickler {
  readonly #bytes: PickleBytes;
  readonly #memo = new Map<number, PickleValue>();
  #stack: (PickleValue | typeof MARK)[] = [];
  #units = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = new PickleBytes(bytes);
  }

  load(): PickleValue {
    for (;;) {
      const position = this.#bytes.position;
      const code = this.#bytes.uint8();
      if (code === STOP) break;
      const operation = OPERATIONS.get(code);
      if (!operation) {
        throw new PickleFault(
          `it has the operation 0x${code.toString(16)} at byte ${position}, which no state dict needs`,
        );
      }
      operation(this, this.#bytes);
    }
    const result = this.pop();
    if (this.#stack.length > 0 || !this.#bytes.atEnd) throw new PickleFault('it goes on after its end');
    return result;
  }

  push(value: PickleValue): void {
    this.#units += unitsOf(value);
    this.#grow(value);
  }

  #grow(value: PickleValue | typeof MARK): void {
    if (Math.max(this.#units, this.#stack.length) > MOST_UNITS) throw new PickleFault('it has too many values');
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw new PickleFault('it takes a value that is not there');
    return value;
  }

  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.#grow(MARK);
  }

  popToMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at === -1) throw new PickleFault('it takes values that are not there');
    const items = this.#stack.splice(at).slice(1);
    return items as PickleValue[];
  }

  popTuple(size: number): void {
    const items: PickleValue[] = [];
    while (items.length < size) items.unshift(this.pop());
    this.push(new Tuple(items));
  }

  memoise(index: number | undefined): void {
    this.#units++;
    this.#memo.set(index ?? this.#memo.size, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleFault(`it refers to value ${index}, which is not there`);
    this.#grow(value);
  }

  append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleFault(`it appends to ${describe(list)}`);
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const dictionary = this.top();
    if (!(dictionary instanceof Dictionary)) throw new PickleFault(`it sets items of ${describe(dictionary)}`);
    if (items.length % 2 !== 0) throw new PickleFault('a dict has a key without a value');
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index]!;
      if (typeof key === 'object' && key !== null) throw new PickleFault(`a dict has ${describe(key)} as a key`);
      dictionary.entries.set(key as Key, items[index + 1]!);
    }
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw new PickleFault('a name is not a text');
    const full = `${module}.${name}`;
    const value = ALLOWED_GLOBALS.get(full);
    if (value === undefined) throw new ForeignGlobal(full);
    this.push(value);
  }

  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof Callable)) throw new PickleFault(`it calls ${describe(callable)}`);
    if (!(args instanceof Tuple)) throw new PickleFault(`it calls ${callable.name} with ${describe(args)}`);
    this.push(callable.call(args.items));
  }

  /** A state dict has an attribute, `_metadata` (versions of modules), which does not change its tensors. */
  build(): void {
    this.pop();
    const target = this.top();
    if (!(target instanceof Dictionary)) throw new PickleFault(`it sets attributes of ${describe(target)}`);
  }

  persistent(): void {
    this.push(storageOf(this.pop()));
  }
}

/** By the memory that it takes. */
function unitsOf(value: PickleValue): number {
  if (typeof value !== 'object' || value === null) return 1;
  return value instanceof Tuple ? TUPLE_UNITS : OBJECT_UNITS;
}

type Operation = (machine: Unpickler, bytes: PickleBytes) => void;

const STOP = 0x2e;

/** Of protocols 2 to 5; https://github.com/python/cpython/blob/main/Lib/pickletools.py describes them. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x80, (_, bytes) => checkProtocol(bytes.uint8())],
  // A frame only announces how many bytes follow.
  [0x95, (_, bytes) => void bytes.uint64()],
  [0x28, (machine) => machine.mark()],
  [0x4e, (machine) => machine.push(null)],
  [0x88, (machine) => machine.push(true)],
  [0x89, (machine) => machine.push(false)],
  [0x4a, (machine, bytes) => machine.push(bytes.int32())],
  [0x4b, (machine, bytes) => machine.push(bytes.uint8())],
  [0x4d, (machine, bytes) => machine.push(bytes.uint16())],
  [0x8a, (machine, bytes) => machine.push(bytes.integer(bytes.uint8()))],
  [0x8b, (machine, bytes) => machine.push(bytes.integer(bytes.uint32()))],
  [0x47, (machine, bytes) => machine.push(bytes.float64())],
  [0x58, (machine, bytes) => machine.push(bytes.text(bytes.uint32()))],
  [0x8c, (machine, bytes) => machine.push(bytes.text(bytes.uint8()))],
  [0x8d, (machine, bytes) => machine.push(bytes.text(bytes.uint64()))],
  [0x42, (machine, bytes) => machine.push(bytes.raw(bytes.uint32()))],
  [0x43, (machine, bytes) => machine.push(bytes.raw(bytes.uint8()))],
  [0x8e, (machine, bytes) => machine.push(bytes.raw(bytes.uint64()))],
  [0x29, (machine) => machine.popTuple(0)],
  [0x85, (machine) => machine.popTuple(1)],
  [0x86, (machine) => machine.popTuple(2)],
  [0x87, (machine) => machine.popTuple(3)],
  [0x74, (machine) => machine.push(new Tuple(machine.popToMark()))],
  [0x5d, (machine) => machine.push([])],
  [0x61, (machine) => machine.append([machine.pop()])],
  [0x65, (machine) => machine.append(machine.popToMark())],
  [0x7d, (machine) => machine.push(new Dictionary())],
  [0x73, (machine) => setItem(machine)],
  [0x75, (machine) => machine.setItems(machine.popToMark())],
  [0x63, (machine, bytes) => machine.global(bytes.line(), bytes.line())],
  [0x93, (machine) => stackGlobal(machine)],
  [0x52, (machine) => machine.reduce()],
  [0x62, (machine) => machine.build()],
  [0x51, (machine) => machine.persistent()],
  [0x71, (machine, bytes) => machine.memoise(bytes.uint8())],
  [0x72, (machine, bytes) => machine.memoise(bytes.uint32())],
  [0x94, (machine) => machine.memoise(undefined)],
  [0x68, (machine, bytes) => machine.recall(bytes.uint8())],
  [0x6a, (machine, bytes) => machine.recall(bytes.uint32())],
]);

function checkProtocol(protocol: number): void {
  if (protocol < 2 || protocol > NEWEST_PROTOCOL) throw new PickleFault(`it has the unknown protocol ${protocol}`);
}

function setItem(machine: Unpickler): void {
  const value = machine.pop();
  const key = machine.pop();
  machine.setItems([key, value]);
}

function stackGlobal(machine: Unpickler): void {
  const name = machine.pop();
  machine.global(machine.pop(), name);
}

/**
 * The value that a pickle of a state dict describes. No code is run: a pickle that refers to anything but the few names
 * of the allow-list is refused.
 * @param what the file in the archive, for messages
 * @throws DndError UNSUPPORTED_FORMAT with the name of any other global; CORRUPT_FILE
 */
export function unpickle(bytes: Uint8Array, path: string, what: string): PickleValue {
  try {
    return new Unpickler(bytes).load();
  } catch (error) {
    if (error instanceof ForeignGlobal) {
      throw unsupported(
        path,
        `its ${what} refers to ${quote(error.message)}, which no state dict needs, and is not read: a pickle can run any code`,
        'If you trust the file, load it and save its tensors alone: torch.save(model.state_dict(), path)',
      );
    }
    if (error instanceof PickleFault) throw corrupt(path, `in its ${what}, ${error.message}`);
    throw error;
  }
}
