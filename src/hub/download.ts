import { join, posix } from 'node:path';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { shardsOf } from '../formats/safetensors/index.js';
import { checkOptions } from '../validation/index.js';
import { fetchBlob, type HubFile } from './blob.js';
import { CachedRepository } from './cache.js';
import { checkToken, hubCacheFolder, implicitToken, isSet } from './environment.js';
import { type RepositoryInfo, repositoryFiles, repositoryInfo } from './listing.js';
import { type HubReference, parseHubReference, referenceText } from './reference.js';
import { describeKind, type HubKind, type ListedFile, selectFiles } from './selection.js';
import type { Transport } from './transport.js';

/** Options of `download`. */
export interface DownloadOptions extends LongOperation {
  /** Address of the server. Default: HF_ENDPOINT, else the Hugging Face Hub. */
  endpoint?: string | undefined;
  /**
   * Access token. Default: HF_TOKEN, else the one that `huggingface-cli login` saves. Sent to the endpoint's origin
   * only.
   */
  token?: string | undefined;
  /** Cache folder. Default: that of Python's huggingface_hub: HF_HUB_CACHE, HF_HOME/hub, ~/.cache/huggingface/hub. */
  cacheFolder?: string | undefined;
  /** Use only what the cache has. Default: HF_HUB_OFFLINE. */
  offline?: boolean | undefined;
  /** @internal Milliseconds before the second try of a request. */
  pauseMs?: number | undefined;
}

/** A repository of the Hugging Face Hub in the cache. */
export interface DownloadedRepository {
  /** Its folder in the cache, or the one inside it that was asked for, with the files that its kind needs. */
  folder: string;
  /** Id of the repository, `owner/name`. */
  id: string;
  /** Commit of the files, 40 hexadecimal digits. */
  commit: string;
  /** Its licence; null: its card names none; undefined: not asked for, as the files came from the cache alone. */
  license: string | null | undefined;
  /** Ids of the base models that its card names; undefined as for `license`. */
  baseModels: string[] | undefined;
  /** Paths of the files in `folder`. */
  files: string[];
  /** Size of the files together. */
  bytes: number;
}

const HUB = 'https://huggingface.co';
const PAUSE_MS = 1000;

/**
 * Fetches the files that a repository of the Hugging Face Hub has for one use of it into the Hub's cache folder. Files that
 * are there are not fetched again, incomplete ones are continued, and each is compared with the checksum that the Hub lists.
 * @param reference `owner/name`, `hf:owner/name` or `hf:owner/name@revision`; of a repository with several adapters the
 * folder of one, `hf:owner/name/folder`
 * @throws DndError INVALID_ARGUMENT for a malformed reference or a repository of another kind; DOWNLOAD_FAILED for a
 * repository that cannot be had, with the reason; CORRUPT_FILE for contents that do not match their checksum;
 * FILE_NOT_FOUND offline where the cache has not got it; DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function download(
  reference: string,
  kind: HubKind,
  options: DownloadOptions = {},
): Promise<DownloadedRepository> {
  const { signal, onProgress, ...settings } = checkOptions(options, 'options of download');
  const parsed = parseHubReference(reference);
  const cached = new CachedRepository(settings.cacheFolder ?? hubCacheFolder(), parsed);
  signal?.throwIfAborted();
  if (settings.offline ?? isSet(process.env.HF_HUB_OFFLINE)) return fromCache(cached, kind);
  const transport: Transport = {
    endpoint: (settings.endpoint ?? (process.env.HF_ENDPOINT || HUB)).replace(/\/+$/, ''),
    token: settings.token === undefined ? await implicitToken() : checkToken(settings.token, 'token'),
    signal,
    pauseMs: settings.pauseMs ?? PAUSE_MS,
  };
  checkEndpoint(transport.endpoint);
  const repository = referenceText(parsed);
  const info = await repositoryInfo(transport, parsed, repository);
  const all = await repositoryFiles(transport, parsed, info.commit, repository);
  const own = inFolder(all, parsed.folder);
  const byPath = new Map(own.map(({ path, file }) => [path, file]));
  const fetching = { transport, cached, info, repository };
  const folder = join(cached.snapshot(info.commit), parsed.folder);
  const paths = await chooseFiles(own, kind, {
    // Which files there are to fetch is known once the indices are there.
    indexAt: async (path) => {
      await fetchFiles({ ...fetching, files: [byPath.get(path)!] }, () => {});
      return join(folder, path);
    },
    refuse: (lack) => {
      const advice = otherFolders(all, kind, parsed);
      return new DndError('INVALID_ARGUMENT', `${repository} is not ${describeKind(kind)}: ${lack}${advice}`);
    },
  });
  const files = paths.map((path) => byPath.get(path)!);
  await fetchFiles({ ...fetching, files }, steadyProgress(onProgress));
  await cached.rememberCommit(info.commit);
  return {
    ...{ folder, id: parsed.id, ...info },
    files: paths,
    bytes: sumOf(files),
  };
}

/** The files in a folder, with their paths in it. */
function inFolder<File extends ListedFile>(all: readonly File[], folder: string) {
  const prefix = folder === '' ? '' : `${folder}/`;
  return all
    .filter(({ path }) => path.startsWith(prefix))
    .map((file) => ({ file, path: file.path.slice(prefix.length), bytes: file.bytes }));
}

const MOST_FOLDERS = 5;

/** Where else in the repository there is one of this kind, as a way out. */
function otherFolders(all: readonly ListedFile[], kind: HubKind, { id, revision, folder }: HubReference): string {
  const parents = [...new Set(all.map(({ path }) => posix.dirname(path)))].filter((parent) => parent !== '.');
  const found = ['', ...parents.sort()].filter(
    (other) => other !== folder && typeof selectFiles(kind, inFolder(all, other)) !== 'string',
  );
  if (found.length === 0) return '';
  const shown = found.slice(0, MOST_FOLDERS).map((other) => referenceText({ id, revision, folder: other }));
  return `. Give ${shown.join(' or ')}${found.length > MOST_FOLDERS ? ' or another of its folders' : ''}`;
}

interface Choosing {
  /** Where an index of the repository can be read. */
  indexAt: (path: string) => Promise<string>;
  /** @param lack what the repository has not got, in words */
  refuse: (lack: string) => DndError;
}

/** Paths of the files that a kind needs, the weights last: once they are there, all is there. */
async function chooseFiles(
  all: readonly ListedFile[],
  kind: HubKind,
  { indexAt, refuse }: Choosing,
): Promise<string[]> {
  const selection = selectFiles(kind, all);
  if (typeof selection === 'string') throw refuse(selection);
  const paths = new Set(all.map(({ path }) => path));
  const weights = [...selection.weights];
  for (const index of selection.indices)
    for (const name of await shardsOf(await indexAt(index))) {
      const path = posix.join(posix.dirname(index), name);
      if (!paths.has(path)) throw refuse(`it has no ${path}, which ${index} names`);
      weights.push(path);
    }
  if (selection.indices.length > 0 && weights.length === 0) throw refuse(`${selection.indices[0]} names no files`);
  return [...selection.beside.sort(), ...weights];
}

interface Fetching {
  transport: Transport;
  cached: CachedRepository;
  info: RepositoryInfo;
  files: readonly HubFile[];
  repository: string;
}

async function fetchFiles(
  { transport, cached, info, files, repository }: Fetching,
  report: (fraction: number) => void,
) {
  const all = Math.max(1, sumOf(files));
  let before = 0;
  for (const file of files) {
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    const url = `${transport.endpoint}/${cached.reference.id}/resolve/${info.commit}/${path}`;
    const places = { url, file, blobs: cached.blobs, repository };
    const blob = await fetchBlob(transport, places, (bytes) => report((before + bytes) / all));
    await cached.link(info.commit, file.path, blob);
    before += file.bytes;
    report(before / all);
  }
}

async function fromCache(cached: CachedRepository, kind: HubKind): Promise<DownloadedRepository> {
  const { reference } = cached;
  const refuse = (lack: string) =>
    new DndError(
      'FILE_NOT_FOUND',
      `${referenceText(reference)} is not in ${cached.folder} as ${describeKind(kind)}: ${lack}. Nothing is downloaded while HF_HUB_OFFLINE is set; download it once without`,
    );
  const commit = await cached.knownCommit();
  if (commit === undefined) throw refuse(`it has no revision ${reference.revision}`);
  const folder = join(cached.snapshot(commit), reference.folder);
  const all = inFolder(await cached.filesOf(commit), reference.folder);
  const indexAt = async (path: string) => join(folder, path);
  const files = await chooseFiles(all, kind, { indexAt, refuse });
  const bytes = sumOf(all.filter(({ path }) => files.includes(path)));
  return { folder, id: reference.id, commit, license: undefined, baseModels: undefined, files, bytes };
}

function checkEndpoint(endpoint: string): void {
  const protocol = URL.canParse(endpoint) ? new URL(endpoint).protocol : '';
  if (protocol === 'https:' || protocol === 'http:') return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `endpoint: expected an http or https address, got ${JSON.stringify(endpoint)}`,
  );
}

function sumOf(files: readonly ListedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
