import { DndError } from '../errors.js';
import { errorMessage } from './message.js';

const CALLBACKS = ['onProgress', 'onNotice', 'onEvaluation', 'onCheckpoint'] as const;

/**
 * The options of a public function, as they are: an object whose `signal` is an AbortSignal and whose callbacks are
 * functions, as far as it has them. The rest is checked where it is used.
 * @param what whose options they are, as in "options of Generator.load"
 * @throws DndError INVALID_ARGUMENT
 */
export function checkOptions<Options extends object>(options: Options, what: string): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refusal(what, 'are not an object', 'an object, or nothing', options);
  const given = options as Record<string, unknown>;
  const signal = given.signal as AbortSignal | null | undefined;
  if (signal != null && !isSignal(signal))
    throw refusal(`signal in the ${what}`, 'is not an AbortSignal', "an AbortController's signal", signal);
  for (const name of CALLBACKS)
    if (given[name] != null && typeof given[name] !== 'function')
      throw refusal(`${name} in the ${what}`, 'is not a function', 'a function', given[name]);
  return options;
}

/** By what is called on it: signals also come from other realms and libraries. */
function isSignal(value: object): value is AbortSignal {
  const { aborted, throwIfAborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    [throwIfAborted, addEventListener, removeEventListener].every((method) => typeof method === 'function')
  );
}

/** @throws DndError INVALID_ARGUMENT unless `value` is a whole number from `smallest` to `largest`, or undefined */
export function checkWholeNumber(value: unknown, what: string, smallest: number, largest = Number.MAX_SAFE_INTEGER) {
  if (value === undefined) return;
  if (Number.isSafeInteger(value) && (value as number) >= smallest && (value as number) <= largest) return;
  const range = largest === Number.MAX_SAFE_INTEGER ? `from ${smallest}` : `from ${smallest} to ${largest}`;
  throw refusal(what, 'is out of range', `a whole number ${range}`, value);
}

function refusal(what: string, problem: string, expected: string, got: unknown): DndError {
  return new DndError('INVALID_ARGUMENT', errorMessage({ what, problem, expected, got }));
}
