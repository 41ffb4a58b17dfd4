import { type Command, Option } from 'commander';
import { formatBytes } from '../engine/index.js';
import { type DownloadedRepository, download, HUB_KINDS, type HubKind } from '../hub/index.js';
import { type Io, print } from './io.js';
import { jsonOption } from './options.js';
import { showProgress } from './progress.js';
import { list } from './table.js';

interface Options {
  as: HubKind;
  cache?: string;
  json?: boolean;
}

export function addDownload(program: Command, io: Io): void {
  program
    .command('download')
    .description('Fetch the files of a repository of the Hugging Face Hub into its cache folder.')
    .argument('<repository>', 'owner/name, or owner/name@revision with a branch, tag or commit')
    .addOption(
      new Option('--as <kind>', 'what the repository is used as, which decides the files that are fetched')
        .choices(HUB_KINDS)
        .makeOptionMandatory(),
    )
    .option('--cache <folder>', 'cache folder (default: that of huggingface_hub: HF_HUB_CACHE, HF_HOME/hub, …)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nEnvironment: HF_TOKEN for private repositories, HF_ENDPOINT for a mirror, HF_HUB_OFFLINE=1 to use the cache alone.',
    )
    .action(async (repository: string, { as, cache, json }: Options) => {
      const progress = showProgress(io, json);
      try {
        const onProgress = (fraction: number) => progress.onProgress(fraction, 'download');
        const got = await download(repository, as, { cacheFolder: cache, signal: io.signal, onProgress });
        progress.stop();
        print(io, json, got, () => shown(got));
      } finally {
        progress.stop();
      }
    });
}

function shown({ id, commit, license, baseModels, files, bytes, folder }: DownloadedRepository): string[] {
  const asked: (readonly [string, string])[] = [
    ['license', license ?? 'none named by its card'],
    ['made from', baseModels?.join(', ') || 'no model named by its card'],
  ];
  return list([
    ['repository', `${id} at ${commit}`],
    ...(license === undefined ? [['license', 'not asked for: from the cache alone'] as const] : asked),
    ['files', `${files.length}, ${formatBytes(bytes)}`],
    ['folder', folder],
  ]);
}
