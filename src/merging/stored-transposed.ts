import { BASE_TYPES, type LoraAdapter } from '../adapter/index.js';
import { DndError } from '../errors.js';
import type { TensorInfo } from '../formats/safetensors/index.js';
import { errorMessage, quoteValue } from '../validation/index.js';

/**
 * Types of models with layers of transformers' class Conv1D, which stores W as [input width, output width]: those whose
 * modeling file of transformers 5.23.0 makes one.
 */
const CONV1D_TYPES: ReadonlySet<string> = new Set([
  'gpt2',
  'openai-gpt',
  'imagegpt',
  'decision_transformer',
  'clvp',
  'clvp_decoder',
]);

/** What these models call such a layer; all their others are of the class Linear. */
const CONV1D_NAME = /(?:^|\.)(?:c_attn|q_attn|c_proj|c_fc)$/;

interface Target {
  module: string;
  tensor: TensorInfo;
}

/**
 * Which modules the base stores as [input width, output width]. PEFT decides by the class of the base's layer, and corrects
 * `fan_in_fan_out` where the adapter says otherwise: so it is decided here by the type of the base. In a base of an unknown
 * type the shapes decide, and for square weights, which fit both ways, `fan_in_fan_out`, unless other modules contradict it.
 * Source: PEFT 0.21, `_create_new_module` of LoRA.
 * @param modelType `model_type` of the base's config.json
 * @param folder of the base, for messages
 * @throws DndError UNSUPPORTED_BASE for square weights about which nothing is known
 */
export function storedTransposed(
  adapter: LoraAdapter,
  targets: readonly Target[],
  modelType: unknown,
  folder: string,
): (target: Target) => boolean {
  if (typeof modelType === 'string') {
    if (CONV1D_TYPES.has(modelType)) return ({ module }) => CONV1D_NAME.test(module);
    if (BASE_TYPES.includes(modelType)) return () => false;
  }
  const isSquare = ({ module }: Target) => {
    const { inputWidth, outputWidth } = adapter.pair(module);
    return inputWidth === outputWidth;
  };
  const byShape = ({ module, tensor }: Target) => tensor.shape[0] === adapter.pair(module).inputWidth;
  const claimed = adapter.config.fanInFanOut ?? false;
  const evidence = targets.filter((target) => !isSquare(target)).map(byShape);
  // PEFT writes fan_in_fan_out as it was used, and all but a few models are of the class Linear.
  const isKnown = ({ module }: Target) =>
    evidence.length > 0 ? evidence.every((found) => found === claimed) : !claimed && !CONV1D_NAME.test(module);
  const unknown = targets.find((target) => isSquare(target) && !isKnown(target));
  if (unknown !== undefined) throw undecided(unknown, claimed, modelType, folder);
  return (target) => (isSquare(target) ? claimed : byShape(target));
}

function undecided({ tensor }: Target, claimed: boolean, modelType: unknown, folder: string): DndError {
  return new DndError(
    'UNSUPPORTED_BASE',
    errorMessage({
      what: `${folder}: ${tensor.name}`,
      problem: `is square, and nothing shows whether the base stores it transposed: the adapter has fan_in_fan_out ${claimed}, and its other modules do not confirm it`,
      expected: 'a base whose config.json has a known model_type',
      shown: quoteValue(modelType),
      advice: 'Merge with PEFT',
    }),
  );
}
