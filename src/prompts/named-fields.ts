import { nearest, quote, quoteValue } from '../validation/index.js';
import type { Context } from './fields.js';
import { normalisedName } from './names.js';
import { invalidPrompts } from './problems.js';

/** The fields of an item, whatever the case of their names. null, and JSON's missing NaN, counts as absent. */
export class NamedFields {
  readonly #keys = new Map<string, string>();
  #twice: Set<string> | undefined;

  constructor(
    readonly item: Readonly<Record<string, unknown>>,
    /** Its position, as in "in line 7". */
    readonly where: string,
    readonly context: Context,
  ) {
    for (const key of Object.keys(item)) {
      const name = normalisedName(key);
      const other = this.#keys.get(name);
      // Of `Prompt` and `prompt` the one with a value counts.
      if (other === undefined || (item[other] ?? null) === null) this.#keys.set(name, key);
      else if ((item[key] ?? null) !== null && item[key] !== item[other]) {
        this.#twice ??= new Set();
        this.#twice.add(name);
      }
    }
  }

  get keys(): string[] {
    return Object.keys(this.item);
  }

  /** The value of a known field; undefined if absent. @throws DndError INVALID_PROMPTS for one that differs only in case */
  get(name: string): unknown {
    const key = this.#keys.get(name);
    if (key === undefined) return undefined;
    if (this.#twice?.has(name))
      throw this.invalid(`has several fields called ${quote(name)}, in different case`, 'Leave one of them');
    return this.item[key] ?? undefined;
  }

  /** The name in the item's own spelling. */
  spelling(name: string): string {
    return this.#keys.get(name) ?? name;
  }

  /**
   * The value of a field that the user named: exactly, or else in other case.
   * @throws DndError INVALID_PROMPTS if there is none, with the nearest
   */
  named(name: string, option: string): unknown {
    if (Object.hasOwn(this.item, name)) return this.item[name] ?? undefined;
    if (this.#keys.has(normalisedName(name))) return this.get(normalisedName(name));
    const near = nearest(name.slice(0, 64), this.keys.slice(0, 64));
    const meant = near === undefined ? '' : `; did you mean ${quote(near)}?`;
    throw this.invalid(`has no field ${quote(name)}, which ${option} names`, `It has ${quoteValue(this.keys)}${meant}`);
  }

  /** "the item in line 7 has …. Do this" */
  invalid(problem: string, advice: string): Error {
    const subject = this.where.startsWith('of ') ? this.where.slice('of '.length) : `the item ${this.where}`;
    return invalidPrompts(this.context.source, `${subject} ${problem}. ${advice}`);
  }
}
