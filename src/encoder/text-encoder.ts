import type { LongOperation } from '../async/index.js';
import { MemoryBudget } from '../engine/index.js';
import { DndError, type ErrorCode } from '../errors.js';
import { quoteValue } from '../validation/index.js';

/**
 * The identity of a text encoder, as stored in `generator.json`. Encoders that agree in everything but the name give
 * the same conditions.
 */
export interface EncoderIdentity {
  /** `model_type` of the model in a folder, or 'hash'. */
  type: string;
  /** Size of a hidden state. */
  channels: number;
  /** Layer after which a decoder-only model's hidden states are taken. */
  layer?: number;
  /** Display name: the name of the model's folder. Not of the hash encoder. */
  name?: string;
  /**
   * SHA-256 of `model.safetensors`; of a sharded model, over its files in the order of their names. Not of the hash
   * encoder.
   */
  weightsSha256?: string;
  /** SHA-256 of `tokenizer.json`. Not of the hash encoder. */
  tokenizerSha256?: string;
}

/** Hidden states of padding positions: `encode`, computed as in the published code, or `zero`. */
export type Padding = 'encode' | 'zero';
/**
 * Hidden states per prompt: `none` keeps one per token; `mean` (over the real tokens) and `cls` (that of the first
 * token) leave one per prompt.
 */
export type Pooling = 'none' | 'mean' | 'cls';

export interface EncodeOptions extends LongOperation {
  /** Tokens per prompt; longer prompts are truncated, shorter ones padded. Above `maxWindow`, a multiple of it. */
  maxLength: number;
  /** Hidden states of padding positions: computed as the published code does, or zeros (and then not computed). */
  padding: Padding;
  /** 'mean' over the real tokens, or only that of the first token: one hidden state per prompt. */
  pooling: Pooling;
}

/** The condition that a prompt set becomes. */
export interface EncodedPrompts {
  hiddenStates: Float32Array<ArrayBuffer>;
  /** Of `states`: [prompts, maxLength, channels], or [prompts, 1, channels] when pooled. */
  shape: [prompts: number, length: number, channels: number];
  /** Real tokens, special ones included, without padding. */
  tokens: number;
  /** Indices of the prompts that were longer than `maxLength`. */
  truncatedPrompts: number[];
}

/** A frozen text encoder: prompts in, one hidden state for each token out. */
export interface TextEncoder extends AsyncDisposable {
  /** Size of a hidden state. */
  readonly channels: number;
  readonly identity: EncoderIdentity;
  /** The longest piece that passes through the encoder at once; Infinity without a bound. */
  readonly maxWindow: number;
  /** The least `maxLength`: one token of a prompt, and the special tokens around it. */
  readonly minLength: number;
  /** Whether padding positions have hidden states of their own. */
  readonly encodesPadding: boolean;
  /**
   * Encodes the prompts, in their order. Runs on its own threads or in short slices, without blocking the event loop.
   * @throws DndError INVALID_PROMPTS for no prompts, INVALID_ARGUMENT for a length that does not fit, OUT_OF_MEMORY;
   * `signal.reason` after an abort
   */
  encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts>;
  /** Frees its memory. Idempotent. */
  dispose(): void;
}

/**
 * The checks that every encoder makes before it starts.
 * @throws DndError INVALID_PROMPTS, INVALID_ARGUMENT; `signal.reason` if already aborted
 */
export function checkRequest(
  prompts: readonly string[],
  options: Pick<EncodeOptions, 'maxLength' | 'signal'>,
  encoder: Pick<TextEncoder, 'maxWindow' | 'minLength'>,
): void {
  options.signal?.throwIfAborted();
  if (prompts.length === 0) throw new DndError('INVALID_PROMPTS', 'there are no prompts to encode; give at least one');
  const wrong = prompts.findIndex((prompt) => typeof prompt !== 'string');
  if (wrong >= 0) {
    throw new DndError('INVALID_PROMPTS', `prompt ${wrong + 1} is of type ${typeof prompts[wrong]}, not a string`);
  }
  checkMaxLength(options.maxLength, encoder, 'INVALID_ARGUMENT');
}

/**
 * Whether prompts of `maxLength` tokens can be encoded: at least one token must fit beside the special tokens, and a
 * length above the encoder's window must be a multiple of it.
 * @throws DndError with `code`
 */
export function checkMaxLength(
  maxLength: unknown,
  { maxWindow, minLength }: Pick<TextEncoder, 'maxWindow' | 'minLength'>,
  code: ErrorCode,
  source = '',
): void {
  const refuse = (what: string) => new DndError(code, `${source}maxLength ${quoteValue(maxLength)} ${what}`);
  if (!Number.isSafeInteger(maxLength)) throw refuse('is not a whole number from 1');
  const length = maxLength as number;
  if (length < minLength)
    throw refuse(`leaves no space for a prompt beside the special tokens; expected at least ${minLength}`);
  if (length <= maxWindow || length % maxWindow === 0) return;
  const lower = length - (length % maxWindow);
  throw refuse(
    `is more than the ${maxWindow} positions of the text encoder, so it must be a multiple of ${maxWindow}, such as ${lower} or ${lower + maxWindow}`,
  );
}

/**
 * Zeros for `shape` [prompts, length, channels].
 * @throws DndError OUT_OF_MEMORY
 */
export function allocateStates(shape: EncodedPrompts['shape']): Float32Array<ArrayBuffer> {
  const count = shape[0] * shape[1] * shape[2];
  new MemoryBudget(undefined).require({
    purpose: `encoding ${shape[0]} prompts of ${shape[1]} tokens (hidden states of ${shape[2]} channels)`,
    bytes: count * Float32Array.BYTES_PER_ELEMENT,
    lower: 'encode fewer prompts at once or lower maxLength',
  });
  return new Float32Array(count);
}
