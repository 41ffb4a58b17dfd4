import { DndError } from '../errors.js';
import { Fields, quoteValue } from '../validation/index.js';
import { parseBertConfig, parseDistilbertConfig, parseMpnetConfig, parseRobertaConfig } from './bert-config.js';
import type { EncoderConfig } from './encoder-config.js';
import { parseModernBertConfig } from './modern-bert-config.js';
import { parseT5Config } from './t5-config.js';

type Parse = (json: unknown, source: string) => EncoderConfig;

/** The text encoders by the `model_type` of their `config.json`. */
const FAMILIES: Readonly<Record<string, Parse>> = {
  bert: parseBertConfig,
  roberta: parseRobertaConfig,
  'xlm-roberta': parseRobertaConfig,
  camembert: parseRobertaConfig,
  distilbert: parseDistilbertConfig,
  mpnet: parseMpnetConfig,
  t5: parseT5Config,
  mt5: parseT5Config,
  umt5: parseT5Config,
  modernbert: parseModernBertConfig,
};

/** The `model_type`s that encoders in a folder may have. */
export const MODEL_TYPES: readonly string[] = Object.keys(FAMILIES);

/**
 * Reads the `config.json` of a text encoder.
 * @param source the file, for error messages
 * @throws DndError UNSUPPORTED_ENCODER for a type or a part of a model that is not supported, named; CORRUPT_FILE for a
 * wrong field
 */
export function parseEncoderConfig(json: unknown, source: string): EncoderConfig {
  const { model_type: modelType } = new Fields(json, source).all;
  if (typeof modelType === 'string' && Object.hasOwn(FAMILIES, modelType)) return FAMILIES[modelType]!(json, source);
  const found = modelType === undefined ? 'names no model_type' : `is of model_type ${quoteValue(modelType)}`;
  throw new DndError(
    'UNSUPPORTED_ENCODER',
    `${source} ${found}; text encoders must be of one of the types ${MODEL_TYPES.join(', ')}. all-MiniLM-L6-v2, bge-small-en-v1.5 and e5-small-v2 are such models`,
  );
}
