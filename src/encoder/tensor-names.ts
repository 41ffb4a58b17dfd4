import { DndError } from '../errors.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import type { TensorNames, TensorPath } from './encoder-config.js';

/** Where a parameter of the engine is in a file: one of `parts` equal parts of a tensor. */
export interface TensorPlace {
  tensor: string;
  part: number;
  parts: number;
}

/** What a model's own path may follow: the names of the objects that it was saved inside of. */
const WRAPPERS = ['model', 'auto_model', 'module', '0', 'bert', 'roberta', 'distilbert', 'mpnet', 'transformer', 't5'];

const WORD_EMBEDDINGS = 'embeddings.word_embeddings';
const BERT_NAMES: TensorNames = { layer: 'encoder.layer.', inLayer: {}, outside: {} };

/**
 * Finds the engine's parameters in a file. The model may be inside of others (`auto_model.`, `model.`, `roberta.` …), and
 * layer norms may be called gamma and beta, as in the oldest files; other tensors are ignored.
 * @throws DndError INVALID_WEIGHTS that names missing tensors
 */
export function findTensors(
  parameters: readonly string[],
  reader: Pick<TensorReader, 'path' | 'tensors'>,
  names: TensorNames = BERT_NAMES,
): Map<string, TensorPlace> {
  const prefix = findPrefix(reader, names);
  const found = new Map<string, TensorPlace>();
  const missing: string[] = [];
  for (const parameter of parameters) {
    const { candidates, part, parts } = placesOf(parameter, names);
    const tensor = candidates.map((name) => prefix + name).find((name) => reader.tensors.has(name));
    if (tensor === undefined) missing.push(candidates[0]!);
    else found.set(parameter, { tensor, part, parts });
  }
  if (missing.length === 0) return found;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new DndError(
    'INVALID_WEIGHTS',
    `${reader.path} lacks tensors of the model in config.json: ${missing.slice(0, 3).join(', ')}${more}. Check that the files belong together`,
  );
}

/** The shortest one of wrappers alone before the word embeddings, which every model has; empty without one. */
function findPrefix({ tensors }: Pick<TensorReader, 'tensors'>, names: TensorNames): string {
  const endings = placesOf(`${names.wordEmbeddings ?? WORD_EMBEDDINGS}.weight`, names).candidates;
  const prefixes = [...tensors.keys()].flatMap((name) =>
    endings.filter((ending) => name.endsWith(ending)).map((ending) => name.slice(0, name.length - ending.length)),
  );
  const known = prefixes.filter(isWrapping).sort((one, other) => one.length - other.length);
  return known[0] ?? '';
}

function isWrapping(prefix: string): boolean {
  return (
    prefix === '' ||
    (prefix.endsWith('.') &&
      prefix
        .slice(0, -1)
        .split('.')
        .every((part) => WRAPPERS.includes(part)))
  );
}

function placesOf(parameter: string, names: TensorNames): { candidates: string[]; part: number; parts: number } {
  const [, path, kind] = /^(.*)\.(weight|bias)$/.exec(parameter)!;
  const { before, own, ofModel } = pathOf(path!, names);
  const place: TensorPath = ofModel ?? own;
  const [paths, part, parts] =
    typeof place === 'string'
      ? [[place], 0, 1]
      : 'stacked' in place
        ? [[place.stacked], place.part, place.parts]
        : [[...place], 0, 1];
  const candidates = paths.map((name) => `${before}${name}.${kind}`);
  const oldest = candidates.map((name) =>
    name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
  );
  return { candidates: [...new Set([...candidates, ...oldest])], part, parts };
}

function pathOf(path: string, names: TensorNames): { before: string; own: string; ofModel: TensorPath | undefined } {
  const [, number, inLayer] = /^encoder\.layer\.(\d+)\.(.*)$/.exec(path) ?? [];
  if (inLayer === undefined) return { before: '', own: path, ofModel: names.outside[path] };
  return { before: `${names.layer}${number}.`, own: inLayer, ofModel: names.inLayer[inLayer] };
}
