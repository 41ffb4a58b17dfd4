import { invalidValue, isWholeNumber, wholeNumberRange } from './values.js';

const CALLBACKS = ['onProgress', 'onNotice', 'onEvaluation', 'onCheckpoint'] as const;

/**
 * Validates the options of a public function: an object whose `signal`, if any, is an AbortSignal and whose callbacks
 * are functions. The rest is checked where it is used.
 * @param what the subject of messages, as in "options of Generator.load"
 * @throws DndError INVALID_ARGUMENT
 */
export function checkOptions<Options extends object>(options: Options, what: string): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidValue('INVALID_ARGUMENT', what, 'an object, or nothing', options);
  const given = options as Record<string, unknown>;
  const signal = given.signal as AbortSignal | null | undefined;
  if (signal != null && !isSignal(signal))
    throw invalidValue('INVALID_ARGUMENT', `signal in the ${what}`, "an AbortController's signal", signal);
  for (const name of CALLBACKS)
    if (given[name] != null && typeof given[name] !== 'function')
      throw invalidValue('INVALID_ARGUMENT', `${name} in the ${what}`, 'a function', given[name]);
  return options;
}

/** Checked by its methods, since signals may come from other realms and libraries. */
function isSignal(value: object): value is AbortSignal {
  const { aborted, throwIfAborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    [throwIfAborted, addEventListener, removeEventListener].every((method) => typeof method === 'function')
  );
}

/** @throws DndError INVALID_ARGUMENT unless `value` is a whole number from `smallest` to `largest`, or undefined */
export function checkWholeNumber(value: unknown, what: string, smallest: number, largest?: number): void {
  if (value === undefined || isWholeNumber(value, smallest, largest)) return;
  throw invalidValue('INVALID_ARGUMENT', what, wholeNumberRange(smallest, largest), value);
}
