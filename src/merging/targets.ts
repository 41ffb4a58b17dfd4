import { type LoraAdapter, loraScale, moduleKey, transposeOf } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { type FloatDtype, isFloatDtype } from '../formats/dtypes.js';
import type { SafetensorsSet, TensorInfo } from '../formats/safetensors/index.js';
import { errorMessage } from '../validation/index.js';
import type { BaseFolder } from './base-folder.js';
import { storedTransposed } from './stored-transposed.js';
import { isHead, isHeadTied } from './tied-head.js';

/** A tensor of the base, and what is added to it: left · right. */
export interface MergeTarget {
  module: string;
  tensor: string;
  dtype: FloatDtype;
  rows: number;
  columns: number;
  rank: number;
  scale: number;
  /** [rows, rank], row-major. */
  left: Float32Array;
  /** [rank, columns], row-major. */
  right: Float32Array;
}

const SUFFIX = '.weight';

/**
 * The base's tensor of each module of an adapter, by the tensor's name.
 * @param folder of the base, for messages
 * @throws DndError SHAPE_MISMATCH for an adapter of another base: modules that the base lacks, or of another shape;
 * UNSUPPORTED_FORMAT for a tensor that is quantised; UNSUPPORTED_BASE for an adapted lm_head that is
 * tied to the embeddings, and as `storedTransposed`
 */
export function mergeTargets(
  adapter: LoraAdapter,
  { weights, config }: Pick<BaseFolder, 'weights' | 'config'>,
  folder: string,
): Map<string, MergeTarget> {
  const modules = adapter.moduleNames();
  const head = modules.find(isHead);
  if (head !== undefined && isHeadTied(config)) throw tiedHead(head, folder);
  const find = tensorFinder(weights);
  const found = modules.map((module) => [module, find(module)] as const);
  const missing = found.filter(([, tensor]) => tensor === undefined).map(([module]) => module);
  if (missing.length > 0) throw missingModules(missing, modules.length, folder);
  const pairs = found.map(([module, tensor]) => ({ module, tensor: tensor! }));
  const isTransposed = storedTransposed(adapter, pairs, config.model_type, folder);
  const targets = new Map<string, MergeTarget>();
  for (const pair of pairs) {
    const { module, tensor } = pair;
    if (targets.has(tensor.name))
      throw new DndError('SHAPE_MISMATCH', `the adapter contains ${module} twice, under two spellings of its name`);
    targets.set(tensor.name, targetOf(adapter, module, tensor, isTransposed(pair), folder));
  }
  return targets;
}

/** By the module's own name, or else by the only one that differs from it in wrappers alone. */
function tensorFinder({ tensors }: SafetensorsSet): (module: string) => TensorInfo | undefined {
  const byKey = new Map<string, TensorInfo[]>();
  for (const tensor of tensors.values()) {
    if (!tensor.name.endsWith(SUFFIX)) continue;
    const key = moduleKey(tensor.name.slice(0, -SUFFIX.length));
    byKey.set(key, [...(byKey.get(key) ?? []), tensor]);
  }
  return (module) => {
    const exact = tensors.get(module + SUFFIX);
    const similar = byKey.get(moduleKey(module)) ?? [];
    return exact ?? (similar.length === 1 ? similar[0] : undefined);
  };
}

const MOST_NAMED = 3;

function missingModules(missing: readonly string[], count: number, folder: string): DndError {
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return new DndError(
    'SHAPE_MISMATCH',
    errorMessage({
      what: `the adapter does not belong to the base ${folder}`,
      problem: `${missing.length} of its ${count} modules have no weights there`,
      expected: `${missing
        .slice(0, MOST_NAMED)
        .map((module) => module + SUFFIX)
        .join(', ')}${more}`,
      advice: 'give the base model that the adapter was trained on, in safetensors and not quantised',
    }),
  );
}

/** The merged model would lose the change, or have it in its embeddings as well. */
function tiedHead(module: string, folder: string): DndError {
  return new DndError(
    'UNSUPPORTED_BASE',
    errorMessage({
      what: `the adapter changes ${module}, but in the base ${folder}`,
      problem: 'that is the same matrix as the input embeddings (tie_word_embeddings is true)',
      advice:
        'Give a copy of the base with its own lm_head.weight and tie_word_embeddings false in config.json, or train the adapter without this module',
    }),
  );
}

function targetOf(
  adapter: LoraAdapter,
  module: string,
  tensor: TensorInfo,
  transposed: boolean,
  folder: string,
): MergeTarget {
  const { a, b, rank, inputWidth, outputWidth } = adapter.pair(module);
  const { name, dtype, shape } = tensor;
  const [rows, columns] = transposed ? [inputWidth, outputWidth] : [outputWidth, inputWidth];
  if (shape.length !== 2 || shape[0] !== rows || shape[1] !== columns)
    throw new DndError(
      'SHAPE_MISMATCH',
      errorMessage({
        what: `the adapter does not belong to the base ${folder}: ${name}`,
        problem: 'has another shape there',
        expected: `[${rows}, ${columns}]`,
        shown: `[${shape.join(', ')}]`,
        advice: 'give the base model that the adapter was trained on, not quantised',
      }),
    );
  if (!isFloatDtype(dtype))
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      errorMessage({
        what: `${folder}: ${name}`,
        problem: 'is quantised, so nothing can be added to it',
        expected: 'F32, F16, BF16 or F64',
        shown: dtype,
        advice: 'merge into the base model that is not quantised, and quantise the result',
      }),
    );
  return {
    module,
    tensor: name,
    dtype,
    rows,
    columns,
    rank,
    scale: loraScale(adapter.config, module, rank),
    left: transposed ? transposeOf(a, rank, inputWidth) : b,
    right: transposed ? transposeOf(b, outputWidth, rank) : a,
  };
}
