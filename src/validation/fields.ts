import { DndError, type ErrorCode } from '../errors.js';
import { checkFormatVersion } from './format-version.js';
import { nearest } from './nearest.js';
import { quote } from './quote.js';
import { invalidValue, isObject, isText, isWholeNumber, wholeNumberRange } from './values.js';

/** Reads the fields of a JSON object from outside; errors name the field and the file. Unknown fields are skipped. */
export class Fields {
  readonly #object: Record<string, unknown>;

  /**
   * @param path of the object in the file; empty for the file's own
   * @param code of the errors for invalid fields
   * @throws DndError `code` when `value` is not an object
   */
  constructor(
    value: unknown,
    readonly source: string,
    readonly path = '',
    readonly code: ErrorCode = 'CORRUPT_FILE',
  ) {
    if (!isObject(value)) throw invalidValue(code, path ? `${source}: ${path}` : source, 'a JSON object', value);
    this.#object = value;
  }

  /** As the constructor, for a file in which missing or null fields have defaults. */
  static withDefaults(value: unknown, source: string, defaults: Readonly<Record<string, unknown>>): Fields {
    const given = Object.entries(new Fields(value, source).all).filter(([, field]) => field !== null);
    return new Fields({ ...defaults, ...Object.fromEntries(given) }, source);
  }

  /** All fields, unchecked. */
  get all(): Readonly<Record<string, unknown>> {
    return this.#object;
  }

  /** Checks `formatVersion`. @throws DndError NEWER_FORMAT, as `checkFormatVersion` */
  checkFormatVersion(newest: number, what: string): void {
    checkFormatVersion(this.wholeNumber('formatVersion', 1), newest, what, this.source);
  }

  /** The field, unchecked; undefined if missing. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  /** @throws DndError `code` for an unknown field, with the nearest known one */
  refuseOthers(known: readonly string[]): void {
    const other = Object.keys(this.#object).find((name) => !known.includes(name));
    if (other === undefined) return;
    const meant = quote(this.#where(nearest(other, known)!));
    throw new DndError(
      this.code,
      `${this.source}: there is no field ${quote(this.#where(other))}; did you mean ${meant}?`,
    );
  }

  section(name: string): Fields {
    return new Fields(this.raw(name), this.source, this.#where(name), this.code);
  }

  wholeNumber(name: string, smallest: number, largest?: number): number {
    const value = this.raw(name);
    if (isWholeNumber(value, smallest, largest)) return value;
    throw this.invalid(name, wholeNumberRange(smallest, largest));
  }

  wholeNumbers(name: string, smallest: number): number[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every((item) => isWholeNumber(item, smallest))) return value;
    throw this.invalid(name, `a list of whole numbers from ${smallest}`);
  }

  number(name: string): number {
    const value = this.raw(name);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.invalid(name, 'a number');
  }

  numbers(name: string): number[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every(Number.isFinite)) return value;
    throw this.invalid(name, 'a list of numbers');
  }

  positiveNumber(name: string): number {
    const value = this.raw(name);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.invalid(name, 'a number above 0');
  }

  boolean(name: string): boolean {
    const value = this.raw(name);
    if (typeof value === 'boolean') return value;
    throw this.invalid(name, 'true or false');
  }

  text(name: string): string {
    const value = this.raw(name);
    if (isText(value)) return value;
    throw this.invalid(name, 'a text');
  }

  textOrNull(name: string): string | null {
    return (this.raw(name) ?? null) === null ? null : this.text(name);
  }

  texts(name: string): string[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every((text) => typeof text === 'string')) return value;
    throw this.invalid(name, 'a list of texts');
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.raw(name);
    if (choices.includes(value as T)) return value as T;
    throw this.invalid(name, `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`);
  }

  /** The error for an invalid field, for checks not provided here. */
  invalid(name: string, expected: string): DndError {
    return invalidValue(this.code, `${this.source}: ${this.#where(name)}`, expected, this.raw(name));
  }

  #where(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }
}
