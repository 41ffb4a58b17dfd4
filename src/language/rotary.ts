import { DndError } from '../errors.js';
import { Fields, isObject, isWholeNumber, quoteValue } from '../validation/index.js';

const ROTARY_TYPES = ['default', 'linear', 'llama3'] as const;

/** Of transformers, where a file names no base. */
const DEFAULT_THETA = 10_000;

/**
 * The inverse frequencies of rotary positions, headWidth / 2 of them, in double precision, scaled as `rope_parameters`
 * (transformers 5) or `rope_theta` and `rope_scaling` (4) say: types default, linear and llama3.
 * @param config a language model's config.json
 * @param source the file, for error messages
 * @throws DndError UNSUPPORTED_BASE for another type, CORRUPT_FILE for a wrong field
 */
export function inverseFrequencies(
  config: Readonly<Record<string, unknown>>,
  headWidth: number,
  source: string,
): number[] {
  const { fields, theta } = rotaryFields(config, source);
  refusePartialRotation(config, fields);
  const frequencies = Array.from({ length: headWidth / 2 }, (_, i) => theta ** ((-2 * i) / headWidth));
  switch (rotaryType(fields)) {
    case 'default':
      return frequencies;
    case 'linear': {
      const factor = fields.positiveNumber('factor');
      return frequencies.map((frequency) => frequency / factor);
    }
    case 'llama3':
      return llama3Scaling(frequencies, fields, config);
  }
}

/** The section that describes the rotation, of either version, and the base. */
function rotaryFields(config: Readonly<Record<string, unknown>>, source: string): { fields: Fields; theta: number } {
  const name = isObject(config.rope_parameters) ? 'rope_parameters' : 'rope_scaling';
  const fields = new Fields(config[name] ?? {}, source, name);
  const nested = Object.entries(fields.all).find(([, value]) => isObject(value));
  if (nested !== undefined) {
    throw unsupported(source, `${name} differs between layers (${quoteValue(nested[0])}), which is not supported`);
  }
  const owner = fields.raw('rope_theta') == null ? Fields.withDefaults(config, source, {}) : fields;
  return { fields, theta: owner.raw('rope_theta') == null ? DEFAULT_THETA : owner.positiveNumber('rope_theta') };
}

/** Old files call the type `type`. */
function rotaryType({ all, path, source }: Fields): (typeof ROTARY_TYPES)[number] {
  const type = all.rope_type ?? all.type ?? 'default';
  const known = ROTARY_TYPES.find((name) => name === type);
  if (known !== undefined) return known;
  throw unsupported(
    source,
    `${path}: positions of type ${quoteValue(type)} are not supported, only ${ROTARY_TYPES.join(', ')}`,
  );
}

function refusePartialRotation(config: Readonly<Record<string, unknown>>, fields: Fields): void {
  const share = fields.raw('partial_rotary_factor') ?? config.partial_rotary_factor ?? 1;
  if (share !== 1) {
    throw unsupported(fields.source, `partial_rotary_factor ${quoteValue(share)} is not supported; expected 1`);
  }
  if (config.rope_interleaved === true) {
    throw unsupported(fields.source, 'rope_interleaved true is not supported; expected false');
  }
}

/** Long wavelengths are divided by the factor, short ones stay, those between are interpolated. */
function llama3Scaling(
  frequencies: readonly number[],
  fields: Fields,
  config: Readonly<Record<string, unknown>>,
): number[] {
  const factor = fields.positiveNumber('factor');
  const low = fields.positiveNumber('low_freq_factor');
  const high = fields.positiveNumber('high_freq_factor');
  if (!(high > low)) throw fields.invalid('high_freq_factor', `a number above low_freq_factor ${low}`);
  const context = originalContext(fields, config);
  return frequencies.map((frequency) => {
    const turns = (context * frequency) / (2 * Math.PI);
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const share = (turns - low) / (high - low);
    return (1 - share) * (frequency / factor) + share * frequency;
  });
}

/** Positions that the model was trained on before it was extended. */
function originalContext(fields: Fields, config: Readonly<Record<string, unknown>>): number {
  if (fields.raw('original_max_position_embeddings') !== undefined) {
    return fields.wholeNumber('original_max_position_embeddings', 1);
  }
  const positions = config.original_max_position_embeddings ?? config.max_position_embeddings;
  if (isWholeNumber(positions, 1)) return positions;
  throw fields.invalid('original_max_position_embeddings', 'a whole number from 1');
}

function unsupported(source: string, what: string): DndError {
  return new DndError('UNSUPPORTED_BASE', `${source}: ${what}`);
}
