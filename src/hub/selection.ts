import { MLX_TENSORS_FILE, PEFT_CONFIG_FILE, PEFT_TENSORS_FILE, PYTORCH_TENSORS_FILE } from '../adapter/index.js';
import { ENCODER_WEIGHTS, isEncoderDescription, WORD_VECTORS } from '../encoder/index.js';
import { CHECKSUMS_FILE } from '../files/index.js';
import { INDEX_SUFFIX, isIndex } from '../formats/safetensors/index.js';
import { BASIS_FILE } from '../generator/basis-file.js';
import { PROJECTION_FILE } from '../generator/condition-projection-file.js';
import { DECODER_BASE_NAME } from '../generator/decoder-weights.js';
import { ENCODER_FOLDER } from '../generator/encoder-folder.js';
import { MANIFEST_FILE } from '../generator/manifest.js';
import { NORMALISATION_FILE } from '../generator/normalisation-file.js';
import { BASE_WEIGHTS, isCopiedWithBase, isWeightsName } from '../merging/base-folder.js';

/** What a repository is used as, which decides the files that are fetched. */
export type HubKind = 'generator' | 'base' | 'base-config' | 'encoder' | 'adapter';

/** A file as the listing of a repository, or of a folder, has it. */
export interface ListedFile {
  path: string;
  bytes: number;
}

/** One of the forms in which a repository can be of a kind. */
interface Form {
  /** Without these the repository has another form. */
  required: readonly string[];
  /** Fetched where they are there. */
  optional: (file: ListedFile) => boolean;
  /** The weights: of several, the first that is there. An index stands for the files that it names. Empty: there are none. */
  weights: readonly string[];
}

interface Kind {
  /** In words, for messages. */
  what: string;
  forms: readonly Form[];
  /** A folder with something that belongs to it, if it is whole. */
  inside?: { folder: string; kind: HubKind };
}

/** Files that are copied beside weights, but that nothing here reads, are small; a larger one is a data set or a film. */
export const LARGEST_COPIED = 64 * 2 ** 20;

/** What is read of a base model, of whichever size. */
const BASE_READ = /^(?:config|generation_config|tokenizer|tokenizer_config)\.json$|^chat_template\.jinja$/;

const CONFIG = 'config.json';

const KINDS: Readonly<Record<HubKind, Kind>> = {
  generator: {
    what: 'a generator',
    forms: [
      {
        required: [MANIFEST_FILE],
        optional: ({ path }) => [NORMALISATION_FILE, BASIS_FILE, PROJECTION_FILE, CHECKSUMS_FILE].includes(path),
        weights: [`${DECODER_BASE_NAME}.safetensors`, DECODER_BASE_NAME + INDEX_SUFFIX],
      },
    ],
    inside: { folder: ENCODER_FOLDER, kind: 'encoder' },
  },
  base: {
    what: 'a base model',
    forms: [
      {
        required: [CONFIG],
        optional: ({ path, bytes }) => BASE_READ.test(path) || (bytes <= LARGEST_COPIED && isCopiedWithBase(path)),
        weights: BASE_WEIGHTS,
      },
    ],
  },
  'base-config': {
    what: 'the configuration of a base model',
    forms: [{ required: [CONFIG], optional: () => false, weights: [] }],
  },
  encoder: {
    what: 'a text encoder',
    forms: [
      { required: [CONFIG], optional: ({ path }) => isEncoderDescription(path), weights: ENCODER_WEIGHTS },
      { required: [], optional: () => false, weights: [`${WORD_VECTORS}.txt`] },
      { required: ['vocab.txt'], optional: () => false, weights: [`${WORD_VECTORS}.safetensors`] },
    ],
  },
  adapter: {
    what: 'a LoRA adapter',
    forms: [
      {
        required: [PEFT_CONFIG_FILE],
        optional: () => false,
        weights: [PEFT_TENSORS_FILE, PYTORCH_TENSORS_FILE, MLX_TENSORS_FILE],
      },
    ],
  },
};

export const HUB_KINDS = Object.keys(KINDS) as HubKind[];

/** "a base model" */
export function describeKind(kind: HubKind): string {
  return KINDS[kind].what;
}

/** What is to be fetched of a repository. */
export interface Selection {
  /** Paths without the weights; among them the indices. */
  beside: string[];
  /** Paths of files of weights. */
  weights: string[];
  /** Paths of indices, whose files of weights are to be fetched, too. */
  indices: string[];
}

/**
 * The paths to fetch, of all in a repository or in its folder in the cache.
 * @returns what is lacking, in words, for a repository that is not of this kind
 */
export function selectFiles(kind: HubKind, files: readonly ListedFile[]): Selection | string {
  const { forms, inside } = KINDS[kind];
  const paths = new Set(files.map(({ path }) => path));
  const ofForm = (form: Form): Selection | undefined => {
    const weights = form.weights.find((path) => paths.has(path));
    if (!form.required.every((path) => paths.has(path))) return undefined;
    if (weights === undefined && form.weights.length > 0) return undefined;
    const beside = files
      .filter((file) => form.required.includes(file.path) || form.optional(file))
      .map(({ path }) => path);
    if (weights === undefined) return { beside, weights: [], indices: [] };
    return isIndex(weights)
      ? { beside: [...new Set([...beside, weights])], weights: [], indices: [weights] }
      : { beside, weights: [weights], indices: [] };
  };
  const selection = forms.map(ofForm).find((one) => one !== undefined);
  if (selection === undefined) return `${lackOf(forms[0]!, paths)}; it has ${shown(files)}`;
  return inside === undefined ? selection : withInside(selection, inside, files);
}

function withInside(
  selection: Selection,
  { folder, kind }: { folder: string; kind: HubKind },
  files: readonly ListedFile[],
) {
  const prefix = `${folder}/`;
  const own = files.filter(({ path }) => path.startsWith(prefix));
  const inner = selectFiles(
    kind,
    own.map(({ path, bytes }) => ({ path: path.slice(prefix.length), bytes })),
  );
  if (typeof inner === 'string') return selection;
  const all = (name: keyof Selection) => [...selection[name], ...inner[name].map((path) => prefix + path)];
  return { beside: all('beside'), weights: all('weights'), indices: all('indices') };
}

function lackOf({ required, weights }: Form, paths: ReadonlySet<string>): string {
  const missing = required.find((path) => !paths.has(path));
  return `it has no ${missing ?? weights.join(' or ')}`;
}

const MOST_SHOWN = 8;

/** Weights first: they tell most about what a repository is. */
function shown(files: readonly ListedFile[]): string {
  const order = (path: string) => (isWeightsName(path) ? 0 : path.startsWith('.') ? 2 : 1);
  const sorted = files.map(({ path }) => path).sort((a, b) => order(a) - order(b));
  return `${sorted.slice(0, MOST_SHOWN).join(', ') || 'nothing'}${sorted.length > MOST_SHOWN ? ', …' : ''}`;
}
