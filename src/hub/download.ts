import { join } from 'node:path';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { exists } from '../files/index.js';
import { checkOptions } from '../validation/index.js';
import { fetchBlob, type HubFile } from './blob.js';
import { CachedRepository, hubCacheFolder } from './cache.js';
import { type RepositoryInfo, repositoryFiles, repositoryInfo } from './listing.js';
import { parseHubReference, referenceText } from './reference.js';
import { type HubKind, requiredFile, selectFiles } from './selection.js';
import type { Transport } from './transport.js';

export interface DownloadOptions extends LongOperation {
  /** Default: HF_ENDPOINT, else the Hugging Face Hub. */
  endpoint?: string | undefined;
  /** Default: HF_TOKEN. Sent to the endpoint's origin only. */
  token?: string | undefined;
  /** Default: the folder that Python's huggingface_hub uses: HF_HUB_CACHE, HF_HOME/hub, ~/.cache/huggingface/hub. */
  cacheFolder?: string | undefined;
  /** Use only what the cache has. Default: HF_HUB_OFFLINE. */
  offline?: boolean | undefined;
  /** @internal Milliseconds before the second try of a request. */
  pauseMs?: number | undefined;
}

export interface DownloadedRepository {
  /** Its folder in the cache, with the files that its kind needs. */
  folder: string;
  id: string;
  commit: string;
  /** null: its card names none; undefined: not asked for, as the files came from the cache alone. */
  license: string | null | undefined;
  baseModels: string[] | undefined;
  files: string[];
  bytes: number;
}

const HUB = 'https://huggingface.co';
const PAUSE_MS = 1000;

/**
 * Fetches the files that a repository of the Hugging Face Hub has for one use of it into the Hub's cache folder. Files that
 * are there are not fetched again, incomplete ones are continued, and each is compared with the checksum that the Hub lists.
 * @param reference `owner/name`, `hf:owner/name` or `hf:owner/name@revision`
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
    token: settings.token ?? (process.env.HF_TOKEN || undefined),
    signal,
    pauseMs: settings.pauseMs ?? PAUSE_MS,
  };
  checkEndpoint(transport.endpoint);
  const repository = referenceText(parsed);
  const info = await repositoryInfo(transport, parsed, repository);
  const all = await repositoryFiles(transport, parsed, info.commit, repository);
  const chosen = new Set(
    selectFiles(
      kind,
      all.map(({ path }) => path),
      repository,
    ),
  );
  const files = all.filter(({ path }) => chosen.has(path));
  await fetchFiles({ transport, cached, info, files, repository }, steadyProgress(onProgress));
  await cached.rememberCommit(info.commit);
  return {
    ...{ folder: cached.snapshot(info.commit), id: parsed.id, ...info },
    files: files.map(({ path }) => path),
    bytes: sumOf(files),
  };
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
  const commit = await cached.knownCommit();
  const folder = commit === undefined ? undefined : cached.snapshot(commit);
  if (commit === undefined || folder === undefined || !(await exists(join(folder, requiredFile(kind)))))
    throw new DndError(
      'FILE_NOT_FOUND',
      `${referenceText(reference)} is not in ${cached.folder}, and nothing is downloaded while HF_HUB_OFFLINE is set; download it once without`,
    );
  return { folder, id: reference.id, commit, license: undefined, baseModels: undefined, files: [], bytes: 0 };
}

function checkEndpoint(endpoint: string): void {
  const protocol = URL.canParse(endpoint) ? new URL(endpoint).protocol : '';
  if (protocol === 'https:' || protocol === 'http:') return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `endpoint: expected an http or https address, got ${JSON.stringify(endpoint)}`,
  );
}

/** As huggingface_hub reads its switches. */
function isSet(value: string | undefined): boolean {
  return /^(?:1|on|yes|true)$/i.test(value ?? '');
}

function sumOf(files: readonly HubFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
