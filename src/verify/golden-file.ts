import { DndError } from '../errors.js';
import { parseJsonText } from '../files/index.js';
import { isFloatDtype } from '../formats/dtypes.js';
import { SafetensorsFile } from '../formats/safetensors/index.js';
import { Fields } from '../validation/index.js';

/** A file of reference numbers: tensors, with kind and settings as JSON in the metadata. */
export class GoldenFile {
  private constructor(readonly file: SafetensorsFile) {}

  /** @throws DndError as `SafetensorsFile.open` */
  static async open(path: string): Promise<GoldenFile> {
    return new GoldenFile(await SafetensorsFile.open(path));
  }

  close(): Promise<void> {
    return this.file.close();
  }

  get kind(): string | undefined {
    return this.file.metadata.kind;
  }

  get names(): string[] {
    return [...this.file.tensors.keys()];
  }

  has(name: string): boolean {
    return this.file.tensors.has(name);
  }

  shape(name: string): number[] {
    const info = this.file.tensors.get(name);
    if (!info) throw this.wrong(`tensor ${name} is missing`);
    return info.shape;
  }

  async floats(name: string): Promise<Float32Array<ArrayBuffer>> {
    this.shape(name);
    return this.file.readFloat32(name);
  }

  /** Token ids or a mask: I64 or I32. */
  async integers(name: string): Promise<Int32Array<ArrayBuffer>> {
    this.shape(name);
    const { dtype } = this.file.tensors.get(name)!;
    const bytes = await this.file.read(name);
    if (dtype === 'I32') return new Int32Array(bytes.buffer);
    if (dtype === 'I64') return Int32Array.from(new BigInt64Array(bytes.buffer), Number);
    throw this.wrong(`tensor ${name} has the wrong dtype; expected I64 or I32, got ${dtype}`);
  }

  /** A setting from the metadata. */
  setting(name: string): unknown {
    const text = this.file.metadata[name];
    if (text === undefined) throw this.wrong(`its metadata lacks ${name}`);
    try {
      return parseJsonText(text);
    } catch (cause) {
      throw this.wrong(`its metadata ${name} is not JSON`, { cause });
    }
  }

  hasSetting(name: string): boolean {
    return this.file.metadata[name] !== undefined;
  }

  wholeNumber(name: string): number {
    return this.#field(name).wholeNumber(name, 0);
  }

  number(name: string): number {
    return this.#field(name).number(name);
  }

  numbers(name: string): number[] {
    return this.#field(name).numbers(name);
  }

  texts(name: string): string[] {
    return this.#field(name).texts(name);
  }

  #field(name: string): Fields {
    return new Fields({ [name]: this.setting(name) }, this.file.path, 'metadata');
  }

  /** All floating tensors whose name starts with `prefix`, by the rest of their name. */
  async floatsUnder(prefix: string): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const found = new Map<string, Float32Array<ArrayBuffer>>();
    for (const { name, dtype } of this.file.tensors.values())
      if (name.startsWith(prefix) && isFloatDtype(dtype)) found.set(name.slice(prefix.length), await this.floats(name));
    return found;
  }

  wrong(what: string, options?: ErrorOptions): DndError {
    return new DndError('CORRUPT_FILE', `${this.file.path} is not a valid golden file: ${what}`, options);
  }
}
