import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { DndError, type ErrorCode } from '../errors.js';
import { kindOf, readError } from '../files/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { quote } from '../validation/index.js';
import { PYTORCH_TENSORS_FILE } from './adapter-tensors.js';
import { PEFT_CONFIG_FILE, PEFT_TENSORS_FILE } from './peft-write.js';

/**
 * Levels of folders below a checkpoint in which trainers write its adapter: PEFT has `<adapter's name>/`, verl
 * `actor/lora_adapter/`.
 */
const DEEPEST = 2;

/** More than any checkpoint; a mistyped path may lead anywhere. */
const MOST_FOLDERS = 500;
const MOST_NAMES = 8;

/** What was found in a folder and below it. */
export type AdapterSearch =
  | { kind: 'one'; folder: string }
  /** Paths relative to the folder, with forward slashes. */
  | { kind: 'several'; names: string[] }
  /** None has the name that was asked for. */
  | { kind: 'misnamed'; names: string[] }
  | {
      kind: 'none';
      code: ErrorCode;
      /** "it has …", with what to do. */
      why: string;
      /** An adapter that cannot be read; part of a checkpoint; or nothing of the kind. */
      saw: 'adapter' | 'training' | 'nothing';
    };

interface Sight {
  matches: RegExp;
  saw: 'adapter' | 'training';
  what: string;
  advice: string;
}

export const SAVE_AGAIN = 'Save it as safetensors (PEFT: save_pretrained with safe_serialization=True)';

/** Files in place of an adapter, in the order of what they tell. */
const SIGHTS: readonly Sight[] = [
  {
    matches: /^adapter_model\.bin$/,
    saw: 'adapter',
    what: 'in PyTorch’s format, and pairs read safetensors only',
    advice: `Give its folder to dnd convert. Or: ${SAVE_AGAIN}`,
  },
  {
    matches: /^adapter(?:_model|_\d+)?\.(?:bin|pt|pth)$/,
    saw: 'adapter',
    what: 'in PyTorch’s format',
    advice: SAVE_AGAIN,
  },
  {
    matches: /^(?:\d+_)?adapters\.(?:safetensors|npz)$/,
    saw: 'adapter',
    what: 'an MLX adapter (mlx_lm), not a PEFT adapter',
    advice: 'Give its folder to dnd convert',
  },
  {
    matches: /\.gguf$/,
    saw: 'adapter',
    what: 'in llama.cpp’s format',
    advice: 'Give that file to dnd convert, or take the PEFT folder',
  },
  {
    matches: /\.distcp$/,
    saw: 'training',
    what: 'part of an FSDP checkpoint in shards, without an adapter',
    advice:
      'Train with a full state dict (accelerate: fsdp_state_dict_type: FULL_STATE_DICT), or load the checkpoint again and save its adapter with save_pretrained',
  },
  {
    matches: /^model_world_size_\d+_rank_\d+\.pt$/,
    saw: 'training',
    what: 'part of a verl checkpoint in shards, without an adapter',
    advice: 'Merge it with verl.model_merger, which writes lora_adapter',
  },
  {
    matches: /(?:^zero_pp_rank_|^bf16_zero_pp_rank_|^mp_rank_|_optim_states\.pt$|^zero_to_fp32\.py$)/,
    saw: 'training',
    what: 'part of a DeepSpeed checkpoint, without an adapter',
    advice: 'Load it again and save its adapter with save_pretrained',
  },
  {
    matches: /^(?:model(?:-\d+-of-\d+)?\.safetensors|pytorch_model(?:-\d+-of-\d+)?\.bin)$/,
    saw: 'training',
    what: 'a whole model, without an adapter',
    advice: 'Train with LoRA, and save the adapter before it is merged',
  },
];

/**
 * Whether a folder's name says that it holds what an adapter was before training, or what was trained from it before the
 * conversion to LoRA: LLaMA-Factory and PEFT's examples write these beside the checkpoints. Their configuration is one of
 * plain LoRA, but their weights are relative to a changed base.
 */
export function isUnconverted(folder: string): boolean {
  return /^(?:pissa|olora|corda|lora_ga|loraga)_(?:init|backup)$/.test(basename(resolve(folder)));
}

/** @throws DndError UNSUPPORTED_FORMAT for a folder of which `isUnconverted` says so */
export function refuseUnconverted(folder: string): void {
  if (!isUnconverted(folder)) return;
  throw new DndError(
    'UNSUPPORTED_FORMAT',
    `${folder}: by its name it is an adapter from before its conversion to LoRA, relative to a changed base. ` +
      'Give the converted adapter (LLaMA-Factory: pissa_converted)',
  );
}

export interface SearchOptions {
  /** Of the folder below this one to take, whether there are others or not; null: the only one. Default: null. */
  name?: string | null;
  /** Of an adapter, in its folder. Default: any that is read. */
  files?: readonly string[];
}

const ADAPTER_FILES: readonly string[] = [PEFT_TENSORS_FILE, PYTORCH_TENSORS_FILE];

/**
 * Looks for the folder of an adapter: this one, or else one of those below it.
 * @throws DndError READ_FAILED
 */
export async function searchAdapter(
  folder: string,
  { name = null, files = ADAPTER_FILES }: SearchOptions = {},
): Promise<AdapterSearch> {
  const found: string[] = [];
  const sights: { sight: Sight; path: string }[] = [];
  let level = [folder];
  let looked = 0;
  for (let depth = 0; depth <= DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const inside of level) {
      if (++looked > MOST_FOLDERS) break;
      const entries = await entriesOf(inside);
      if (entries.some((entry) => files.includes(entry.name) && !entry.isDirectory())) {
        found.push(inside);
        continue;
      }
      for (const entry of entries) {
        const path = join(inside, entry.name);
        const sight = SIGHTS.find(({ matches }) => matches.test(entry.name));
        if (sight) sights.push({ sight, path });
        else if (await isSearched(entry, path)) next.push(path);
      }
    }
    level = next;
  }
  return summary(folder, found, sights, name);
}

type Entry = Awaited<ReturnType<typeof entriesOf>>[number];

async function entriesOf(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw readError(error, folder);
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function isSearched(entry: Entry, path: string): Promise<boolean> {
  if (entry.name.startsWith('.') || isUnconverted(entry.name)) return false;
  if (entry.isSymbolicLink()) return (await kindOf(path)) === 'folder';
  return entry.isDirectory();
}

function summary(
  folder: string,
  found: readonly string[],
  sights: readonly { sight: Sight; path: string }[],
  name: string | null,
): AdapterSearch {
  const isMeant = (path: string) => name === null || path === folder || basename(path) === name;
  const chosen = found.filter(isMeant);
  if (chosen.length === 1) return { kind: 'one', folder: chosen[0]! };
  const relativeName = (path: string) => relative(folder, path).split(sep).join('/');
  if (chosen.length > 1) return { kind: 'several', names: chosen.map(relativeName) };
  const told = found.length === 0 ? sights : sights.filter(({ sight, path }) => isAdapterOf(sight, path, isMeant));
  if (found.length > 0 && told.length === 0) return { kind: 'misnamed', names: found.map(relativeName) };
  for (const sight of SIGHTS) {
    const seen = told.find((each) => each.sight === sight);
    if (!seen) continue;
    const why = `${relativeName(seen.path)} is ${sight.what}. ${sight.advice}`;
    return { kind: 'none', code: 'UNSUPPORTED_FORMAT', why, saw: sight.saw };
  }
  const why = `it has no ${PEFT_TENSORS_FILE}; saving it may have been interrupted`;
  return { kind: 'none', code: 'FILE_NOT_FOUND', why, saw: 'nothing' };
}

/** Whether this is the adapter that is meant, in a form that is not read. */
function isAdapterOf({ saw }: Sight, path: string, isMeant: (path: string) => boolean): boolean {
  return saw === 'adapter' && isMeant(dirname(path));
}

/** "reference, train and 3 more" */
function someOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}

/** "holds 2 adapters: reference, train" */
export function severalAdapters(names: readonly string[]): string {
  return `holds ${names.length} adapters: ${someOf(names)}`;
}

/** 'has no adapter "train"; it has reference' */
export function misnamedAdapter(name: string, names: readonly string[]): string {
  return `has no adapter ${quote(name)}; it has ${someOf(names)}`;
}

/**
 * The folder of the one adapter that a path means: itself, if it has an adapter's files, or else the only one below it.
 * @throws DndError UNSUPPORTED_FORMAT with what it holds instead, for a GGUF file, and for an adapter from before its conversion to LoRA;
 * INVALID_ARGUMENT where there are several, with their names; FILE_NOT_FOUND where it has the configuration alone
 */
export async function adapterFolder(path: string): Promise<string> {
  refuseUnconverted(path);
  if (await isGguf(path))
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${path} is a GGUF file; expected the folder of a PEFT adapter. If it is an adapter, convert it with dnd convert`,
    );
  if ((await kindOf(path)) !== 'folder') return path;
  const search = await searchAdapter(path);
  if (search.kind === 'one') return search.folder;
  if (search.kind !== 'none')
    throw new DndError('INVALID_ARGUMENT', `${path} ${severalAdapters(search.names)}. Give the folder of one of them`);
  const configured = (await kindOf(join(path, PEFT_CONFIG_FILE))) === 'file';
  if (search.saw === 'nothing' && !configured) return path;
  throw new DndError(search.code, `${path}: ${search.why}`);
}
