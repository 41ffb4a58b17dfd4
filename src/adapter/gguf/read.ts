import { type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { dequantise, GgufFile, type GgufTensor, isReadableType, metadataText } from '../../formats/gguf/index.js';
import { firstNonFinite } from '../../formats/non-finite.js';
import { checkOptions, checkPath, errorMessage, quote, quoteValue } from '../../validation/index.js';
import { excludedModulesOf } from '../base-family.js';
import { type AdapterTensor, LoraAdapter, type LoraConfig } from '../lora-adapter.js';
import { type Part, tensorName } from '../names.js';
import { type Architecture, architectureOf } from './architectures.js';
import type { GgufBase } from './base.js';
import { checkSameWidths, checkWeight, permutingHeads } from './check.js';
import {
  ADAPTER_TYPE,
  ADAPTER_TYPE_KEY,
  ALPHA_KEY,
  ARCHITECTURE_KEY,
  BASE_NAME_KEY,
  BASE_URL_KEY,
  type Place,
  parseGgufName,
  placeOfWeight,
  TYPE,
  TYPE_KEY,
} from './names.js';
import { permuteRows } from './permute.js';
import { shortestFloat32 } from './scale.js';
import { targetsOf } from './targets.js';

export interface GgufAdapterReadOptions extends LongOperation {
  /** The base model: the adapter is compared with it. Needed for Llama, Mistral and others with permuted rows. */
  base?: GgufBase | undefined;
  /** Called with what was left out because llama.cpp ignores it, too. */
  onNotice?: ((notice: string) => void) | undefined;
}

/** Tensors of adapters that are more than LoRA on layers, by a pattern of their names. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^token_embd\./, 'LoRA on embeddings'],
  [/^output\./, 'LoRA on lm_head'],
  [/\.bias$/, 'a trained bias'],
];

/** llama.cpp skips these: it has no use for trained norms. */
const IGNORED = /_norm\.weight$/;

function corrupt(path: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${path} is not a valid GGUF adapter: ${what}`);
}

/** The kind of file that its metadata declares. */
function checkKind(file: GgufFile): string {
  const { metadata, path } = file;
  for (const [key, expected] of [
    [TYPE_KEY, TYPE],
    [ADAPTER_TYPE_KEY, ADAPTER_TYPE],
  ] as const) {
    const value = metadataText(metadata, key, path);
    if (value === expected) continue;
    const what = value === undefined ? `has no ${key}` : `has ${key} ${quote(value)}`;
    throw new DndError('UNSUPPORTED_FORMAT', `${path} is not a LoRA adapter: it ${what}; expected ${quote(expected)}`);
  }
  const architecture = metadataText(metadata, ARCHITECTURE_KEY, path);
  if (architecture === undefined) throw corrupt(path, `it has no ${ARCHITECTURE_KEY}`);
  return architecture;
}

/** llama.cpp takes a missing alpha, and zero, as "no scale", and ends its process over another type than float32. */
function alphaOf({ metadata, path }: GgufFile): number {
  const value = metadata.get(ALPHA_KEY);
  const valid = value?.type === 'float32' && Number.isFinite(value.value) && value.value !== 0;
  if (valid) return value.value;
  const shown = value && (value.type === 'float32' ? String(value.value) : value.type);
  throw new DndError(
    'CORRUPT_FILE',
    errorMessage({
      what: `${path}: ${ALPHA_KEY}`,
      problem: value === undefined ? 'is missing' : 'is not valid',
      expected: 'a finite float32 that is not zero',
      ...(shown === undefined ? {} : { shown }),
    }),
  );
}

function checkType({ name, type }: GgufTensor, path: string): void {
  if (isReadableType(type) && type !== 'F64') return;
  throw new DndError(
    'UNSUPPORTED_FORMAT',
    `${path}: tensor ${quote(name)} is ${type}, which llama.cpp cannot apply as LoRA; convert it to F32, F16, BF16 or Q8_0`,
  );
}

interface Found {
  place: Place;
  A?: GgufTensor;
  B?: GgufTensor;
}

/** The two matrices of each adapted weight, by the weight's name, in the order of the file. */
function pairsOf(file: GgufFile, architecture: Architecture, options: GgufAdapterReadOptions): Map<string, Found> {
  const { path } = file;
  const pairs = new Map<string, Found>();
  for (const tensor of file.tensors.values()) {
    const { name } = tensor;
    if (IGNORED.test(name)) {
      options.onNotice?.(`${path}: ${name} is left out: llama.cpp ignores it, too`);
      continue;
    }
    const parsed = parseGgufName(name);
    const place = parsed && placeOfWeight(parsed.weight, architecture);
    if (!parsed || !place) {
      const what = FOREIGN.find(([pattern]) => pattern.test(name))?.[1] ?? 'not a LoRA matrix of this architecture';
      throw new DndError('UNSUPPORTED_FORMAT', `${path}: ${quote(name)} is ${what}, which is not supported`);
    }
    checkType(tensor, path);
    const found = pairs.get(parsed.weight) ?? { place };
    found[parsed.part] = tensor;
    pairs.set(parsed.weight, found);
  }
  if (pairs.size === 0) throw new DndError('INVALID_WEIGHTS', `${path} has no LoRA matrices`);
  return pairs;
}

/** Columns and rows of a matrix; axes of one element may follow, and the second may be left out. */
function matrixShape({ name, shape }: GgufTensor, path: string): [number, number] {
  const [columns = 1, rows = 1, ...others] = shape;
  if (others.every((size) => size === 1)) return [columns, rows];
  throw new DndError('SHAPE_MISMATCH', `${path}: tensor ${quote(name)} is [${shape.join(', ')}], not a matrix`);
}

interface Pair {
  place: Place;
  a: GgufTensor;
  b: GgufTensor;
  rank: number;
  inputWidth: number;
  outputWidth: number;
}

function checkedPair(weight: string, { place, A: a, B: b }: Found, path: string): Pair {
  if (!a || !b) throw corrupt(path, `${weight} has ${a ? 'lora_a' : 'lora_b'} but not the other half`);
  const [inputWidth, rank] = matrixShape(a, path);
  const [columns, outputWidth] = matrixShape(b, path);
  if (rank === columns) return { place, a, b, rank, inputWidth, outputWidth };
  throw new DndError('SHAPE_MISMATCH', `${path}: ${weight} has lora_a of rank ${rank} and lora_b of rank ${columns}`);
}

async function readMatrix(file: GgufFile, { name, type }: GgufTensor): Promise<Float32Array<ArrayBuffer>> {
  const bytes = await file.read(name);
  // Checked before, by checkType.
  const values = isReadableType(type) ? dequantise(bytes, type) : new Float32Array();
  const wrong = firstNonFinite(values);
  if (wrong < 0) return values;
  throw new DndError(
    'INVALID_WEIGHTS',
    `${file.path}: tensor ${quote(name)} holds ${values[wrong]} as its element ${wrong}; weights must be finite`,
  );
}

/** The rank of most modules, and the others by their names, as PEFT writes them. */
function ranksOf(ranks: ReadonlyMap<string, number>): { rank: number; rankPattern: Record<string, number> } {
  const counts = new Map<number, number>();
  for (const rank of ranks.values()) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [[rank]] = [...counts].sort(([, a], [, b]) => b - a) as [[number, number]];
  return { rank, rankPattern: Object.fromEntries([...ranks].filter(([, own]) => own !== rank)) };
}

/** The base model's id: of its page, as llama.cpp's converter writes it, or the name that this package writes. */
function baseNameOf({ metadata, path }: GgufFile, base: GgufBase | undefined): string | null {
  const page = metadataText(metadata, BASE_URL_KEY, path);
  const id = page && /^https?:\/\/[^/]+\/([\w.-]+\/[\w.-]+)\/?$/.exec(page)?.[1];
  return id || metadataText(metadata, BASE_NAME_KEY, path) || base?.name || null;
}

async function readTensors(file: GgufFile, options: GgufAdapterReadOptions): Promise<LoraAdapter> {
  const { base, signal } = options;
  const { path } = file;
  const report = steadyProgress(options.onProgress);
  const name = checkKind(file);
  const architecture = architectureOf(name, path);
  if (base !== undefined && base.architecture !== name) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path} is an adapter of the architecture ${quoteValue(name)}, but the base model ${base.source} is ${base.architecture}`,
    );
  }
  const alpha = alphaOf(file);
  const pairs = Array.from(pairsOf(file, architecture, options), ([weight, found]) => checkedPair(weight, found, path));
  if (base === undefined) checkSameWidths(pairs, path);
  const tensors = new Map<string, AdapterTensor>();
  const ranks = new Map<string, number>();
  const layersPath = base?.layersPath ?? architecture.layersPath;
  for (const { place, a, b, rank, inputWidth, outputWidth } of pairs) {
    signal?.throwIfAborted();
    if (base !== undefined) checkWeight(base, place, { inputWidth, outputWidth }, path);
    const heads = permutingHeads(place, outputWidth, base, name, path);
    const module = `${layersPath}.${place.layer}.${place.module.path}`;
    const add = (part: Part, shape: [number, number], data: Float32Array) =>
      tensors.set(tensorName(module, part), { shape, data });
    add('A', [rank, inputWidth], await readMatrix(file, a));
    const stored = await readMatrix(file, b);
    const ordered = heads === undefined ? stored : permuteRows(stored, rank, heads, 'transformers');
    // PEFT has no negative alpha: the sign goes into B.
    add('B', [outputWidth, rank], alpha > 0 ? ordered : ordered.map((value) => -value));
    ranks.set(module, rank);
    report(ranks.size / pairs.length);
  }
  const config: LoraConfig = {
    ...ranksOf(ranks),
    alpha: shortestFloat32(Math.abs(alpha)),
    useRslora: false,
    baseModelName: baseNameOf(file, base),
    fanInFanOut: architecture.fanInFanOut,
    excludeModules: excludedModulesOf(null, layersPath),
    ...targetsOf(
      pairs.map(({ place }) => place),
      architecture,
      layersPath,
      base?.layers,
    ),
  };
  return new LoraAdapter(config, tensors);
}

/**
 * Reads a GGUF LoRA adapter of llama.cpp into float32, with transformers' names and order of rows. What llama.cpp refuses,
 * crashes over or applies as something else is refused.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT; UNSUPPORTED_FORMAT for another kind of file, or
 * tensors that are more than LoRA on layers; UNSUPPORTED_BASE for another architecture; INVALID_ARGUMENT without a base
 * that is needed; SHAPE_MISMATCH for matrices that fit neither each other nor the base; INVALID_WEIGHTS for NaN, infinity or
 * no matrices
 */
export async function readGgufAdapter(path: string, options: GgufAdapterReadOptions = {}): Promise<LoraAdapter> {
  checkPath(path, 'the file of readGgufAdapter');
  checkOptions(options, 'options of readGgufAdapter');
  const file = await GgufFile.open(path);
  try {
    return await readTensors(file, options);
  } finally {
    await file.close();
  }
}
