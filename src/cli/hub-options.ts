import type { Command } from 'commander';
import { type DownloadedRepository, download, type HubKind, isHubReference } from '../hub/index.js';
import { lossOf } from '../training/loss-of.js';
import { checkOutputOf } from './hub-outputs.js';
import type { Io } from './io.js';
import { showProgress } from './progress.js';

/** A kind, or what tells it from the options of the command line. */
type KindOf = HubKind | ((options: Readonly<Record<string, unknown>>) => Promise<HubKind>);

interface Places {
  options?: Readonly<Record<string, KindOf>>;
  /** Of every argument that is an input; the output of `dnd convert` is its second. */
  arguments?: { kind: HubKind; first?: boolean };
  /** Whether the command shows its inputs by name, and takes the names, by their folders, as the option `names`. */
  showsNames?: boolean;
}

/** Where commands take `hf:owner/name` for a folder, and what they use the repository as. */
const PLACES: Readonly<Record<string, Places>> = {
  demo: { options: { base: 'base', encoder: 'encoder' } },
  init: { options: { base: 'base-config', encoder: 'encoder' } },
  generate: { options: { generator: 'generator', encoder: 'encoder' } },
  finetune: { options: { base: 'base' } },
  train: { options: { base: trainedBase, encoder: 'encoder' } },
  eval: { options: { generator: 'generator', base: 'base', encoder: 'encoder' } },
  merge: { options: { base: 'base' }, arguments: { kind: 'adapter' } },
  compare: { arguments: { kind: 'adapter' }, showsNames: true },
  compose: { arguments: { kind: 'adapter' }, showsNames: true },
  convert: { options: { base: 'base-config', encoder: 'encoder' }, arguments: { kind: 'adapter', first: true } },
  import: { options: { base: 'base-config' } },
  plan: { arguments: { kind: 'generator' } },
};

/** The behaviour loss runs the base; the token loss only reads its shape. */
async function trainedBase(options: Readonly<Record<string, unknown>>): Promise<HubKind> {
  return (await lossOf(options)) === 'tokens' ? 'base-config' : 'base';
}

/** A place of the command line that names a repository, and what puts its folder there instead. */
interface Found {
  reference: string;
  kind: KindOf;
  replace: (folder: string) => void;
}

/**
 * Downloads what the command line of a command names by `hf:owner/name`, and gives the command its folder instead. An output
 * that the command would refuse is refused before.
 * @throws DndError as `download`, `checkOutputOf` and, of training, `lossOf`
 */
export async function resolveHubReferences(command: Command, io: Io): Promise<void> {
  const found = referencesOf(command);
  if (found.length === 0) return;
  const options = command.opts();
  await checkOutputOf(command.name(), options, command.processedArgs);
  const names = new Map<string, string>();
  for (const { reference, kind, replace } of found) {
    const own = typeof kind === 'string' ? kind : await kind(options);
    const folder = await downloadedFolder(reference, own, io, options.json === true);
    names.set(folder, reference);
    replace(folder);
  }
  if (PLACES[command.name()]?.showsNames) command.setOptionValue('names', names);
}

function referencesOf(command: Command): Found[] {
  const { options = {}, arguments: inputs } = PLACES[command.name()] ?? {};
  const found: Found[] = [];
  const look = (value: unknown, kind: KindOf, replace: (folder: string) => void) => {
    if (typeof value === 'string' && isHubReference(value)) found.push({ reference: value, kind, replace });
  };
  // Still a value of the command line, which settings of the command line are told by.
  for (const [name, kind] of Object.entries(options))
    look(command.opts()[name], kind, (folder) => {
      command.setOptionValueWithSource(name, folder, command.getOptionValueSource(name));
    });
  const given = command.processedArgs;
  for (const [index, value] of inputs === undefined ? [] : given.entries()) {
    if (inputs!.first && index > 0) break;
    const places: unknown[] = Array.isArray(value) ? value : given;
    for (const at of Array.isArray(value) ? value.keys() : [index])
      look(places[at], inputs!.kind, (folder) => {
        places[at] = folder;
      });
  }
  return found;
}

/** The folder of a repository, downloaded with a progress bar, and its licence on standard error unless it is to be quiet. */
export async function downloadedFolder(path: string, kind: HubKind, io: Io, quiet: boolean): Promise<string> {
  const progress = showProgress(io, quiet);
  try {
    const onProgress = (fraction: number) => progress.onProgress(fraction, 'download');
    const got = await download(path, kind, { signal: io.signal, onProgress });
    progress.stop();
    if (!quiet) io.stderr.write(`${note(path, got)}\n`);
    return got.folder;
  } finally {
    progress.stop();
  }
}

function note(path: string, { commit, license, baseModels }: DownloadedRepository): string {
  const at = `${path} at ${commit.slice(0, 12)}`;
  if (license === undefined) return `${at}, from the cache`;
  const madeFrom = baseModels && baseModels.length > 0 ? `, made from ${baseModels.join(', ')}` : '';
  return `${at}: ${license === null ? 'its card names no licence' : `licence ${license}`}${madeFrom}`;
}
