import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { ModelEngine } from './model.js';
import type { MappableStore, MappedFile, MappedValues } from './native.js';

/** Where the values of a parameter are in an open file: dense and little-endian. */
export interface ParameterPlace extends MappedFile, Pick<MappedValues, 'byteOffset' | 'byteLength' | 'dtype'> {
  /** The parameter. */
  name: string;
}

/** A model whose parameters can be in mapped files, shared with other processes, instead of memory of its own. */
export abstract class MappableEngine<Handle extends MappableStore> extends ModelEngine<Handle> {
  #mapped: ReadonlyMap<string, MappedValues['dtype']> = new Map();

  /**
   * Maps the parameters that can be taken from their files as they are: aligned float32 and, on a CPU, F16 and BF16 for
   * the weights of convolutions and linear layers and for token embeddings; what parameters held before is dropped. Jobs
   * throw CORRUPT_FILE once one of the files has been cut or written to; one that is deleted, or replaced by renaming
   * another over it, keeps its contents.
   * @returns the names of mapped parameters; the others have to be written
   */
  mapParameters(places: readonly ParameterPlace[]): ReadonlySet<string> {
    const files = new Map<number, MappedFile>();
    for (const { descriptor, path } of places) files.set(descriptor, { descriptor, path });
    const order = [...files.keys()];
    const values = places.map(({ name, descriptor, byteOffset, byteLength, dtype }) => {
      return { name, file: order.indexOf(descriptor), byteOffset, byteLength, dtype };
    });
    const handle = this.handle();
    const mapped = new Set(callNative(() => handle.mapParameters([...files.values()], values)));
    this.#mapped = new Map(values.filter(({ name }) => mapped.has(name)).map(({ name, dtype }) => [name, dtype]));
    return mapped;
  }

  /** Reads all mapped values. Throws INVALID_WEIGHTS for NaN or infinity; CORRUPT_FILE, DISPOSED; `signal.reason` */
  async checkMapped(options?: JobOptions): Promise<void> {
    const found = await this.run<{ name: string; element: number } | null>(
      (handle, done) => handle.checkMapped(done),
      options,
    );
    if (found) throw this.notFinite(found.name, found.element, this.#mapped.get(found.name)!);
  }
}
