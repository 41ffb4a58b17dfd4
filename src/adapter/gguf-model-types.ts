import { DndError } from '../errors.js';
import { quote, quoteValue } from '../validation/index.js';

/** llama.cpp's architecture of base models, by `model_type` of their config.json. */
const ARCHITECTURE_OF: Readonly<Record<string, string>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen2_vl: 'qwen2vl',
  qwen2_vl_text: 'qwen2vl',
  qwen2_5_vl: 'qwen2vl',
  qwen2_5_vl_text: 'qwen2vl',
  qwen3: 'qwen3',
  gemma: 'gemma',
  gemma2: 'gemma2',
  gemma3: 'gemma3',
  gemma3_text: 'gemma3',
  granite: 'granite',
  smollm3: 'smollm3',
  olmo2: 'olmo2',
  phi3: 'phi3',
  gpt2: 'gpt2',
};

/** Types of the bases whose GGUF files are read. Mistral is `llama` there, and computes the same. */
const OF_FILES = ['llama', 'qwen2', 'qwen3'] as const;

/** @throws DndError UNSUPPORTED_BASE for base models without a supported architecture */
export function architectureOfModelType(modelType: string, source: string): string {
  if (Object.hasOwn(ARCHITECTURE_OF, modelType)) return ARCHITECTURE_OF[modelType]!;
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${source}: GGUF adapters for base models of type ${quoteValue(modelType)} are not supported; those of types ` +
      `${Object.keys(ARCHITECTURE_OF).join(', ')} are`,
  );
}

/**
 * `model_type` of the base in a GGUF file of this architecture.
 * @throws DndError UNSUPPORTED_BASE for one whose files are not read
 */
export function modelTypeOf(architecture: string, source: string): string {
  const type = OF_FILES.find((one) => ARCHITECTURE_OF[one] === architecture);
  if (type !== undefined) return type;
  const known = OF_FILES.map((one) => ARCHITECTURE_OF[one]).join(', ');
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${source}: base GGUF files of the architecture ${quote(architecture)} are not supported; ${known} are`,
  );
}
