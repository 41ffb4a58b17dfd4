import type { Command } from 'commander';
import { type DownloadedRepository, download, type HubKind, isHubReference } from '../hub/index.js';
import type { Io } from './io.js';
import { showProgress } from './progress.js';

interface Places {
  options?: Readonly<Record<string, HubKind>>;
  /** Of every argument that is an input; the output of `dnd convert` is its second. */
  arguments?: { kind: HubKind; first?: boolean };
}

/** Where commands take `hf:owner/name` for a folder, and what they use the repository as. */
const PLACES: Readonly<Record<string, Places>> = {
  init: { options: { base: 'base-config', encoder: 'encoder' } },
  generate: { options: { generator: 'generator', encoder: 'encoder' } },
  finetune: { options: { base: 'base' } },
  train: { options: { base: 'base-config', encoder: 'encoder' } },
  eval: { options: { generator: 'generator', base: 'base' } },
  merge: { options: { base: 'base' }, arguments: { kind: 'adapter' } },
  compare: { arguments: { kind: 'adapter' } },
  compose: { arguments: { kind: 'adapter' } },
  convert: { options: { base: 'base-config', encoder: 'encoder' }, arguments: { kind: 'adapter', first: true } },
  recipe: { options: { base: 'base-config' } },
  plan: { arguments: { kind: 'generator' } },
};

/** Downloads what the command line of a command names by `hf:owner/name`, and gives the command its folder instead. */
export async function resolveHubReferences(command: Command, io: Io): Promise<void> {
  const places = PLACES[command.name()];
  if (!places) return;
  const quiet = command.opts().json === true;
  for (const [name, kind] of Object.entries(places.options ?? {})) {
    const value: unknown = command.opts()[name];
    if (typeof value !== 'string' || !isHubReference(value)) continue;
    command.setOptionValueWithSource(name, await folderOf(value, kind, io, quiet), command.getOptionValueSource(name));
  }
  if (!places.arguments) return;
  const { kind, first = false } = places.arguments;
  const given = command.processedArgs;
  for (const [index, value] of given.entries()) {
    if (first && index > 0) break;
    if (typeof value === 'string') given[index] = await folderOf(value, kind, io, quiet);
    else if (Array.isArray(value))
      for (const [at, one] of value.entries()) value[at] = await folderOf(one, kind, io, quiet);
  }
}

async function folderOf(path: string, kind: HubKind, io: Io, quiet: boolean): Promise<string> {
  if (!isHubReference(path)) return path;
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
