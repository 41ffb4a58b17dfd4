import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { exists, hasEnded, parsePartialName, partialName, readError, writeError } from '../files/index.js';
import { causeOf, request, TransientError, type Transport, withRetries } from './transport.js';

/** A file of a repository, as its listing describes it. */
export interface HubFile {
  path: string;
  bytes: number;
  /** SHA-256 of a file in large file storage, else git's SHA-1 of a blob. */
  checksum: { algorithm: 'sha256' | 'git'; digest: string };
}

interface BlobPlaces {
  url: string;
  file: HubFile;
  blobs: string;
  repository: string;
}

/** Downloads of this process under way, by the paths of their blobs. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Fetches the contents of a file into `blobs/<checksum>`, and continues what an earlier call or process left incomplete. Of
 * several calls at once in this process one fetches, and the others wait for it.
 * @param url of its contents
 * @param onBytes hears of the bytes that are there, of this file
 * @returns the path of the blob
 * @throws DndError DOWNLOAD_FAILED, DISK_FULL, NOT_WRITABLE, READ_FAILED; CORRUPT_FILE for contents that do not match the checksum;
 * `signal.reason`
 */
export async function fetchBlob(
  transport: Transport,
  places: BlobPlaces,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const blob = join(resolve(places.blobs), places.file.checksum.digest);
  for (let other = underWay.get(blob); other; other = underWay.get(blob)) await settled(other, transport.signal);
  const fetching = fetchMissing(transport, places, blob, onBytes).finally(() => underWay.delete(blob));
  underWay.set(blob, fetching);
  return fetching;
}

/** Waits until another call has succeeded or failed: a failure may be of its own, such as an abort. */
async function settled(other: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const aborted = signal && once(signal, 'abort', { signal: stop.signal }).catch(() => {});
  await Promise.race([other.catch(() => {}), ...(aborted ? [aborted] : [])]).finally(() => stop.abort());
  signal?.throwIfAborted();
}

async function fetchMissing(
  transport: Transport,
  { url, file, blobs, repository }: BlobPlaces,
  blob: string,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const { bytes, checksum, path } = file;
  if ((await sizeOf(blob)) === bytes) return blob;
  await mkdir(blobs, { recursive: true }).catch((error) => {
    throw writeError(error, blobs);
  });
  const partial = await claimPartial(blob);
  // Kept for the next call, unless it is complete or wrong.
  kept.set(blob, partial);
  let discard = false;
  try {
    await withRetries(transport, repository, () => append(transport, { url, partial, bytes, repository }, onBytes));
    const found = await digestOf(partial, checksum.algorithm, bytes);
    if (found !== checksum.digest) {
      discard = true;
      throw new DndError(
        'CORRUPT_FILE',
        `${repository}: ${path} does not have the checksum that the server lists for it; expected ${checksum.digest}, got ${found}. It is discarded; try again, or another endpoint in HF_ENDPOINT`,
      );
    }
    await rename(partial, blob).catch((error) => {
      throw writeError(error, blob);
    });
    kept.delete(blob);
    return blob;
  } finally {
    if (discard) {
      kept.delete(blob);
      await rm(partial, { force: true }).catch(() => {});
    }
  }
}

/** Names of partial files have no room for a whole SHA-256; contents are compared with all of it. */
const CLAIMED_CHARACTERS = 39;

/** Incomplete files of this process, by the paths of their blobs. */
const kept = new Map<string, string>();

/** A file that nobody else writes: one that an earlier call or an ended process left, else a new one. */
async function claimPartial(blob: string): Promise<string> {
  const before = kept.get(blob);
  if (before !== undefined && (await exists(before))) return before;
  const blobs = dirname(blob);
  const target = basename(blob).slice(0, CLAIMED_CHARACTERS);
  const own = partialName(join(blobs, target));
  const names = await readdir(blobs).catch((error) => {
    throw readError(error, blobs);
  });
  for (const name of names) {
    const left = parsePartialName(name);
    if (left?.target !== target || !hasEnded(left.owner)) continue;
    // Of several processes that try, one succeeds.
    const claimed = await rename(join(blobs, name), own).then(
      () => true,
      () => false,
    );
    if (claimed) break;
  }
  return own;
}

async function append(
  transport: Transport,
  { url, partial, bytes, repository }: { url: string; partial: string; bytes: number; repository: string },
  onBytes: (bytes: number) => void,
): Promise<void> {
  let have = (await sizeOf(partial)) ?? 0;
  if (have > bytes) have = 0;
  onBytes(have);
  if (have === bytes && bytes > 0) return;
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  const response = await request(transport, url, { headers }, repository);
  // A server, or a proxy, that ignores the range sends all of it again.
  if (have > 0 && response.status !== 206) have = 0;
  const output = await open(partial, have > 0 ? 'a' : 'w').catch((error) => {
    throw writeError(error, partial, bytes - have);
  });
  try {
    for await (const chunk of chunksOf(response, transport.signal)) {
      if (have + chunk.byteLength > bytes)
        throw new DndError('CORRUPT_FILE', `${repository}: ${url} has more than the ${bytes} bytes that are listed`);
      await output.writeFile(chunk).catch((error) => {
        throw writeError(error, partial, bytes - have);
      });
      have += chunk.byteLength;
      onBytes(have);
    }
    await output.sync().catch((error) => {
      throw writeError(error, partial);
    });
  } finally {
    await output.close().catch(() => {});
  }
  if (have < bytes) throw new TransientError(`the connection ended after ${have} of ${bytes} bytes`, undefined);
}

async function* chunksOf(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    if (response.body) yield* response.body as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    signal?.throwIfAborted();
    throw new TransientError(causeOf(error), undefined, { cause: error });
  }
}

async function digestOf(path: string, algorithm: HubFile['checksum']['algorithm'], bytes: number): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (algorithm === 'git') hash.update(`blob ${bytes}\0`);
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw readError(error, path);
  }
  return hash.digest('hex');
}

function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
