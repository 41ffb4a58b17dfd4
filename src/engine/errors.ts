import { DndError, type ErrorCode } from '../errors.js';

const NATIVE_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'ABORTED',
  'CORRUPT_FILE',
  'DEVICE_UNAVAILABLE',
  'INTERNAL',
  'INVALID_ARGUMENT',
  'OUT_OF_MEMORY',
] satisfies ErrorCode[]);

/** The DndError of a native failure text, `CODE: sentence`. */
export function nativeError(failure: string): DndError {
  const [, code, sentence] = /^([A-Z_]+): ([\s\S]*)$/.exec(failure) ?? [];
  if (code === undefined || sentence === undefined || !NATIVE_CODES.has(code)) {
    return new DndError('INTERNAL', `the native engine failed: ${failure}`);
  }
  return new DndError(code as ErrorCode, sentence);
}

/** Runs a native call and rethrows its failure as a DndError. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof DndError || !(error instanceof Error)) throw error;
    throw nativeError(error.message);
  }
}
