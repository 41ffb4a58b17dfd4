import type { LongOperation } from '../async/index.js';
import type { EngineOptions } from '../engine/index.js';
import { HashEncoder } from './hash-encoder.js';
import { ModelTextEncoder } from './model-text-encoder.js';
import type { TextEncoder } from './text-encoder.js';

export interface LoadTextEncoderOptions extends EngineOptions, LongOperation {
  /** Channels of the hash encoder, default 384; a model in a folder has its own. */
  channels?: number | undefined;
}

/**
 * The text encoder that `source` names: 'hash' for the built-in one, else the folder of a model of one of
 * MODEL_TYPES (`config.json`, `model.safetensors`, `tokenizer.json`). A folder called hash is `./hash`.
 * @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED_ENCODER, INVALID_WEIGHTS, SHAPE_MISMATCH, OUT_OF_MEMORY,
 * INVALID_ARGUMENT; `signal.reason`
 */
export async function loadTextEncoder(source: string, options: LoadTextEncoderOptions = {}): Promise<TextEncoder> {
  return source === 'hash' ? new HashEncoder(options.channels) : ModelTextEncoder.load(source, options);
}
