import { DndError } from '../errors.js';
import { Fields, quoteValue } from '../validation/index.js';

/** Of transformers, where a file has no `sliding_window` or `max_window_layers`. */
const DEFAULT_WINDOW = 4096;
const DEFAULT_FULL_LAYERS = 28;

/**
 * The sliding window of each layer, 0 for none, as transformers chooses it: Mistral has one for all layers; Qwen2 and
 * Qwen3 where `use_sliding_window` is true and `layer_types`, or else `max_window_layers`, says so; Llama has none.
 * @param config a language model's config.json
 * @throws DndError UNSUPPORTED_BASE for another type of layer, CORRUPT_FILE for a wrong field
 */
export function slidingWindows(
  config: Readonly<Record<string, unknown>>,
  modelType: string,
  layers: number,
  source: string,
): number[] {
  const types = layerTypes(config, layers, source);
  if (modelType === 'llama') return filled(layers, 0);
  const window = config.sliding_window === undefined ? DEFAULT_WINDOW : config.sliding_window;
  if (window === null) return filled(layers, 0);
  const size = new Fields({ sliding_window: window }, source).wholeNumber('sliding_window', 1);
  if (modelType === 'mistral') return filled(layers, size);
  if (config.use_sliding_window !== true) return filled(layers, 0);
  if (types !== null) return types.map((type) => (type === 'sliding_attention' ? size : 0));
  const fields = Fields.withDefaults(config, source, { max_window_layers: DEFAULT_FULL_LAYERS });
  const full = fields.wholeNumber('max_window_layers', 0);
  return Array.from({ length: layers }, (_, layer) => (layer >= full ? size : 0));
}

const LAYER_TYPES = ['full_attention', 'sliding_attention'];

function layerTypes(config: Readonly<Record<string, unknown>>, layers: number, source: string): string[] | null {
  if (config.layer_types == null) return null;
  const types = new Fields(config, source).texts('layer_types');
  const other = types.find((type) => !LAYER_TYPES.includes(type));
  if (other !== undefined) {
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${source}: layers of type ${quoteValue(other)} are not supported, only ${LAYER_TYPES.join(' and ')}`,
    );
  }
  if (types.length !== layers) {
    throw new DndError('CORRUPT_FILE', `${source}: layer_types names ${types.length} layers; expected ${layers}`);
  }
  return types;
}

function filled(layers: number, window: number): number[] {
  return Array<number>(layers).fill(window);
}
