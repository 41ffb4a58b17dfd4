import { DndError } from '../errors.js';
import { checkFormatVersion } from '../format-version.js';
import { quoteValue } from '../validation/quote.js';

/**
 * Reads the fields of a JSON object from outside and says which one is wrong, in which file. Unknown fields are passed
 * over.
 */
export class Fields {
  readonly #object: Record<string, unknown>;

  /** @throws DndError CORRUPT_FILE when `value` is not an object */
  constructor(
    value: unknown,
    readonly source: string,
    readonly path = '',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new DndError('CORRUPT_FILE', `${source}: ${path || 'the file'} must be a JSON object`);
    this.#object = value as Record<string, unknown>;
  }

  /** All fields as they are, unchecked. */
  get all(): Readonly<Record<string, unknown>> {
    return this.#object;
  }

  /** Checks `formatVersion`. @throws DndError NEWER_FORMAT, as `checkFormatVersion` */
  checkFormatVersion(newest: number, what: string): void {
    checkFormatVersion(this.wholeNumber('formatVersion', 1), newest, what, this.source);
  }

  /** The field as it is, unchecked; undefined when it is not there. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  section(name: string): Fields {
    return new Fields(this.raw(name), this.source, this.#where(name));
  }

  wholeNumber(name: string, smallest: number): number {
    const value = this.raw(name);
    if (Number.isSafeInteger(value) && (value as number) >= smallest) return value as number;
    throw this.#wrong(name, `a whole number from ${smallest}`);
  }

  wholeNumbers(name: string, smallest: number): number[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= smallest)) return value;
    throw this.#wrong(name, `a list of whole numbers from ${smallest}`);
  }

  positiveNumber(name: string): number {
    const value = this.raw(name);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.#wrong(name, 'a number above 0');
  }

  boolean(name: string): boolean {
    const value = this.raw(name);
    if (typeof value === 'boolean') return value;
    throw this.#wrong(name, 'true or false');
  }

  text(name: string): string {
    const value = this.raw(name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.#wrong(name, 'a text');
  }

  textOrNull(name: string): string | null {
    return (this.raw(name) ?? null) === null ? null : this.text(name);
  }

  texts(name: string): string[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every((text) => typeof text === 'string')) return value;
    throw this.#wrong(name, 'a list of texts');
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.raw(name);
    if (choices.includes(value as T)) return value as T;
    throw this.#wrong(name, `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`);
  }

  #where(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  #wrong(name: string, wanted: string): DndError {
    const value = this.raw(name);
    const found = value === undefined ? 'it is missing' : `it is ${quoteValue(value)}`;
    return new DndError('CORRUPT_FILE', `${this.source}: ${this.#where(name)} must be ${wanted}; ${found}`);
  }
}
