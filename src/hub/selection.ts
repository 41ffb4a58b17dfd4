import { DndError } from '../errors.js';

/** What a repository is used as, which decides the files that are fetched. */
export type HubKind = 'generator' | 'base' | 'base-config' | 'encoder' | 'adapter';

interface Selection {
  /** In words, for messages. */
  what: string;
  files: RegExp;
  /** Without this one the repository is something else. */
  required: string;
}

const TOKENISER = 'tokenizer\\.json|tokenizer_config\\.json|special_tokens_map\\.json|vocab\\.txt';
const WEIGHTS = 'model(?:-\\d+-of-\\d+)?\\.safetensors|model\\.safetensors\\.index\\.json';

const SELECTIONS: Readonly<Record<HubKind, Selection>> = {
  generator: {
    what: 'a generator',
    files: /^(?:generator\.json|(?:decoder|normalisation)[\w.-]*\.(?:safetensors|json)|encoder\/[\w.-]+)$/,
    required: 'generator.json',
  },
  base: {
    what: 'a base model',
    files: new RegExp(`^(?:config\\.json|generation_config\\.json|chat_template\\.jinja|${TOKENISER}|${WEIGHTS})$`),
    required: 'config.json',
  },
  'base-config': { what: 'the configuration of a base model', files: /^config\.json$/, required: 'config.json' },
  encoder: {
    what: 'a text encoder',
    files: new RegExp(`^(?:config\\.json|${TOKENISER}|${WEIGHTS})$`),
    required: 'config.json',
  },
  adapter: {
    what: 'a LoRA adapter',
    files: /^(?:adapter_config\.json|adapter_model\.safetensors)$/,
    required: 'adapter_config.json',
  },
};

export const HUB_KINDS = Object.keys(SELECTIONS) as HubKind[];

/** The file without which a repository, or its folder in the cache, is not of this kind. */
export function requiredFile(kind: HubKind): string {
  return SELECTIONS[kind].required;
}

/**
 * The paths to fetch, of all in a repository.
 * @throws DndError INVALID_ARGUMENT for a repository that is not of this kind, with what it has
 */
export function selectFiles(kind: HubKind, paths: readonly string[], repository: string): string[] {
  const { what, files, required } = SELECTIONS[kind];
  if (paths.includes(required)) return paths.filter((path) => files.test(path)).sort();
  const shown = paths.slice(0, 8).join(', ') || 'nothing';
  throw new DndError(
    'INVALID_ARGUMENT',
    `${repository} is not ${what}: it has no ${required}; it has ${shown}${paths.length > 8 ? ', …' : ''}`,
  );
}
