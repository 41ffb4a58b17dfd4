/** Stable error codes for programs; `message` is for people. */
export type ErrorCode =
  | 'ABORTED'
  | 'ADDON_UNAVAILABLE'
  | 'CORRUPT_FILE'
  | 'DEVICE_UNAVAILABLE'
  | 'DISK_FULL'
  | 'DISPOSED'
  | 'DOWNLOAD_FAILED'
  | 'ENCODER_MISMATCH'
  | 'FILE_NOT_FOUND'
  | 'INTERNAL'
  | 'INVALID_ARGUMENT'
  | 'INVALID_PAIRS'
  | 'INVALID_PROMPTS'
  | 'INVALID_WEIGHTS'
  | 'LAYOUT_MISMATCH'
  | 'NEWER_FORMAT'
  | 'NOT_FINITE'
  | 'NOT_WRITABLE'
  | 'OUTPUT_EXISTS'
  | 'OUT_OF_MEMORY'
  | 'PAIRS_CHANGED'
  | 'READ_FAILED'
  | 'RESUME_MISMATCH'
  | 'RUN_IN_USE'
  | 'SHAPE_MISMATCH'
  | 'UNSUPPORTED_BASE'
  | 'UNSUPPORTED_ENCODER'
  | 'UNSUPPORTED_FORMAT';

/**
 * Every error this package raises on purpose: a stable `code`, and a message that says what is wrong, where, and what
 * to do.
 */
export class DndError extends Error {
  /** Always `DndError`. */
  override readonly name = 'DndError';

  /**
   * Makes an error of the package.
   * @param message what is wrong, where, and what to do
   * @param options `cause`: the error that led to this one
   */
  constructor(
    /** What went wrong, for programs; docs/guides/errors.md describes each code and its way out. */
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
