import { eventLoopYielder, type LongOperation } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { refuseExistingFile } from '../../files/index.js';
import { type GgufTensorSource, type GgufValue, writeGguf } from '../../formats/gguf/index.js';
import { checkOptions, checkPath, quoteValue } from '../../validation/index.js';
import { encodeWeights } from '../encode.js';
import type { LoraAdapter, LoraPair } from '../lora-adapter.js';
import { type Part, parseTensorName, tensorName } from '../names.js';
import { checkConfig } from '../peft-write.js';
import { architectureOf } from './architectures.js';
import type { GgufBase } from './base.js';
import { checkWeight, permutingHeads } from './check.js';
import {
  ADAPTER_TYPE,
  ADAPTER_TYPE_KEY,
  ALPHA_KEY,
  ARCHITECTURE_KEY,
  BASE_COUNT_KEY,
  BASE_NAME_KEY,
  ggufName,
  type Place,
  placeOfModule,
  TYPE,
  TYPE_KEY,
} from './names.js';
import { permuteRows } from './permute.js';
import { foldedFactor, ggufAlpha } from './scale.js';
import { encodingOf, GGUF_DTYPES, type GgufDtype, type GgufDtypeName, typeFor } from './tensor-type.js';

/** Options of `writeGgufAdapter`. */
export interface GgufAdapterWriteOptions extends LongOperation {
  /** The base model. Needed unless the adapter's own names leave only one architecture (GPT-2). */
  base?: GgufBase | undefined;
  /** Dtype of the tensors. Default: f32. Rows that a quantised type cannot hold are written as f16. */
  dtype?: GgufDtypeName | undefined;
  /** Replace an existing file. */
  force?: boolean | undefined;
}

/** What was written. */
export interface GgufAdapterSummary {
  /** What llama.cpp calls the architecture of the base model: `llama`, `qwen2`, … */
  architecture: string;
  /** The alpha in the file: llama.cpp scales each pair of matrices by alpha / its rank. */
  alpha: number;
  /** Number of tensors of each type. */
  types: Partial<Record<GgufDtype, number>>;
}

const SOURCE = 'the adapter';

function checkDtype(name: GgufDtypeName): GgufDtype {
  if (typeof name === 'string' && Object.hasOwn(GGUF_DTYPES, name)) return GGUF_DTYPES[name];
  throw new DndError(
    'INVALID_ARGUMENT',
    `there is no dtype ${quoteValue(name)} of GGUF adapters; choose ${Object.keys(GGUF_DTYPES).join(', ')}`,
  );
}

/** Without a base model, names that only GPT-2 has tell the architecture; those of Llama and Qwen2 are alike. */
function architectureNameOf(adapter: LoraAdapter, base: GgufBase | undefined): string {
  if (base !== undefined) return base.architecture;
  const gpt2 = architectureOf('gpt2', SOURCE);
  const onlyGpt2 =
    adapter.config.fanInFanOut === true && adapter.moduleNames().every((name) => placeOfModule(name, gpt2));
  if (onlyGpt2) return 'gpt2';
  throw new DndError(
    'INVALID_ARGUMENT',
    `${SOURCE}: a GGUF adapter names the architecture of its base model, which the adapter alone does not show. ` +
      'Give the config.json, the folder or the GGUF file of the base model as base (--base)',
  );
}

/** A float32 that llama.cpp takes as it is: it reads zero as "no scale". */
function checkedAlpha(adapter: LoraAdapter): number {
  const alpha = Math.fround(ggufAlpha(adapter.config));
  if (Number.isFinite(alpha) && alpha !== 0) return alpha;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${SOURCE}: alpha ${ggufAlpha(adapter.config)} is ${alpha} as float32, which llama.cpp would apply as another scale`,
  );
}

/** B as llama.cpp multiplies with it: rows in its order, factors folded in. */
function finishedB(pair: LoraPair, factor: number, heads: number | undefined): Float32Array {
  const ordered = heads === undefined ? pair.b : permuteRows(pair.b, pair.rank, heads, 'llama.cpp');
  return factor === 1 ? ordered : ordered.map((value) => value * factor);
}

interface Context {
  adapter: LoraAdapter;
  architecture: string;
  base: GgufBase | undefined;
  dtype: GgufDtype;
  yieldToEventLoop: () => Promise<void>;
}

function placeIn(module: string, { architecture, base }: Context): Place {
  const known = architectureOf(architecture, SOURCE);
  const place = placeOfModule(module, known);
  if (place !== undefined) return place;
  const names = known.modules.map(({ path }) => path).join(', ');
  throw new DndError(
    'UNSUPPORTED_FORMAT',
    `${SOURCE} adapts ${module}, for which llama.cpp has no weight in ${base?.source ?? `the architecture ${architecture}`}; ` +
      `a GGUF adapter can have ${names} of the language model's layers`,
  );
}

/** One matrix as a tensor of the file: PEFT's A and B have, row by row, the bytes that llama.cpp expects. */
function sourceOf(module: string, part: Part, context: Context): GgufTensorSource {
  const { adapter, architecture, base, dtype, yieldToEventLoop } = context;
  const place = placeIn(module, context);
  const pair = adapter.pair(module);
  if (base !== undefined) checkWeight(base, place, pair, SOURCE);
  const { rank, inputWidth, outputWidth } = pair;
  const heads = permutingHeads(place, outputWidth, base, architecture, SOURCE);
  const factor = foldedFactor(adapter.config, module, rank);
  const [rows, columns] = part === 'A' ? [rank, inputWidth] : [outputWidth, rank];
  const type = typeFor(dtype, [columns, rows]);
  return {
    name: ggufName(place, part),
    shape: [columns, rows],
    type,
    bytes: () => {
      const data = part === 'A' ? pair.a : finishedB(pair, factor, heads);
      return encodeWeights(
        tensorName(module, part),
        { shape: [rows, columns], data },
        encodingOf(type),
        yieldToEventLoop,
      );
    },
  };
}

function metadataOf(architecture: string, alpha: number, baseName: string | null): Map<string, GgufValue> {
  const text = (value: string): GgufValue => ({ type: 'string', value });
  return new Map<string, GgufValue>([
    [ARCHITECTURE_KEY, text(architecture)],
    [TYPE_KEY, text(TYPE)],
    [ADAPTER_TYPE_KEY, text(ADAPTER_TYPE)],
    [ALPHA_KEY, { type: 'float32', value: alpha }],
    ...(baseName === null
      ? []
      : ([
          [BASE_COUNT_KEY, { type: 'uint32', value: 1 }],
          [BASE_NAME_KEY, text(baseName)],
        ] as const)),
  ]);
}

/**
 * Writes an adapter as a GGUF file that llama.cpp and Ollama read: its tensors in their order, under llama.cpp's names. The
 * rows of q and k are reordered where llama.cpp's base models have them so; rsLoRA, and alphas and ranks that differ
 * between modules, are folded into alpha and B. The file appears whole or not at all.
 * @throws DndError INVALID_WEIGHTS for NaN, infinity, what `dtype` cannot hold, or no tensors; INVALID_ARGUMENT for a
 * missing base or a configuration that readers reject; SHAPE_MISMATCH for matrices that do not fit the base;
 * UNSUPPORTED_FORMAT for modules that llama.cpp has no weights for; UNSUPPORTED_BASE; OUTPUT_EXISTS, DISK_FULL,
 * NOT_WRITABLE; `signal.reason` after an abort
 */
export async function writeGgufAdapter(
  path: string,
  adapter: LoraAdapter,
  options: GgufAdapterWriteOptions = {},
): Promise<GgufAdapterSummary> {
  checkPath(path, 'the file to write');
  const { base, dtype = 'f32', force, signal, onProgress } = checkOptions(options, 'options of writeGgufAdapter');
  checkConfig(adapter.config);
  if (adapter.tensors.size === 0) throw new DndError('INVALID_WEIGHTS', 'the adapter has no tensors');
  const alpha = checkedAlpha(adapter);
  const architecture = architectureNameOf(adapter, base);
  const context = { adapter, architecture, base, dtype: checkDtype(dtype), yieldToEventLoop: eventLoopYielder() };
  const sources = Array.from(adapter.tensors.keys(), (name) => {
    const { module, part } = parseTensorName(name)!;
    return sourceOf(module, part, context);
  });
  await refuseExistingFile(path, force);
  const metadata = metadataOf(architecture, alpha, adapter.config.baseModelName ?? base?.name ?? null);
  await writeGguf(path, metadata, sources, { signal, onProgress });
  const types: GgufAdapterSummary['types'] = {};
  for (const { type } of sources) types[type as GgufDtype] = (types[type as GgufDtype] ?? 0) + 1;
  return { architecture, alpha, types };
}
