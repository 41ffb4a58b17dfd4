import { DndError } from '../errors.js';
import type { HubFile } from './blob.js';
import type { HubReference } from './reference.js';
import { causeOf, request, TransientError, type Transport, withRetries } from './transport.js';

/** Loaded by the first download: it takes a tenth of a second, which no other command should pay for. */
const library = () => import('@huggingface/hub');

/** Of one answer: the Hub's have a thousand files, each of some hundred bytes. */
const LARGEST_ANSWER = 16 * 2 ** 20;
const MOST_FILES = 100_000;
/** Of a listing: twice as many as the Hub needs for so many files. */
const MOST_ANSWERS = 200;
const LONGEST_PATH = 4096;

/** What the Hub says of a repository at a revision. */
export interface RepositoryInfo {
  commit: string;
  /** As its card names it, such as `apache-2.0`; null: it names none. */
  license: string | null;
  /** Ids of the models that it is made from, as its card names them. */
  baseModels: string[];
}

/** @throws DndError DOWNLOAD_FAILED; `signal.reason` */
export async function repositoryInfo(
  transport: Transport,
  { id, revision }: HubReference,
  repository: string,
): Promise<RepositoryInfo> {
  const { modelInfo } = await library();
  const fields = ['sha', 'tags', 'cardData'] as const;
  const info = await ask(transport, repository, (through) =>
    modelInfo({ name: id, revision, additionalFields: [...fields], ...through }),
  );
  const { sha, tags, cardData } = info as { sha?: unknown; tags?: unknown; cardData?: { license?: unknown } };
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) throw malformed(repository, 'a commit');
  const tagged = (prefix: string) =>
    (Array.isArray(tags) ? tags : []).flatMap((tag) =>
      typeof tag === 'string' && tag.startsWith(prefix) ? [tag.slice(prefix.length)] : [],
    );
  const license = cardData?.license ?? tagged('license:')[0];
  return {
    commit: sha,
    license: typeof license === 'string' ? license : null,
    baseModels: tagged('base_model:').filter((name) => /^[\w.-]+\/[\w.-]+$/.test(name)),
  };
}

/** @throws DndError DOWNLOAD_FAILED; CORRUPT_FILE for a listing with paths outside the repository; `signal.reason` */
export async function repositoryFiles(
  transport: Transport,
  { id }: HubReference,
  commit: string,
  repository: string,
): Promise<HubFile[]> {
  const { listFiles } = await library();
  return ask(transport, repository, async (through) => {
    const files: HubFile[] = [];
    for await (const { type, path, size, oid, lfs } of listFiles({
      repo: id,
      revision: commit,
      recursive: true,
      ...through,
    })) {
      if (type !== 'file') continue;
      const digest = lfs?.oid ?? oid;
      if (
        typeof path !== 'string' ||
        path.length > LONGEST_PATH ||
        !Number.isSafeInteger(size) ||
        typeof digest !== 'string' ||
        !/^[0-9a-f]+$/.test(digest)
      )
        throw malformed(repository, 'files with sizes and checksums');
      if (/(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|\0/.test(path))
        throw new DndError(
          'CORRUPT_FILE',
          `${repository} lists ${JSON.stringify(path)}, which is not inside a repository`,
        );
      if (files.length === MOST_FILES) throw tooLarge(repository, `more than ${MOST_FILES} files`);
      files.push({ path, bytes: size, checksum: { algorithm: lfs ? 'sha256' : 'git', digest } });
    }
    return files;
  });
}

function malformed(repository: string, what: string): DndError {
  return new DndError(
    'DOWNLOAD_FAILED',
    `${repository}: the server's answer is not that of a Hugging Face Hub: no ${what}`,
  );
}

function tooLarge(repository: string, what: string): DndError {
  return new DndError('DOWNLOAD_FAILED', `${repository}: the server's answer is too large: ${what}`);
}

/** Counts while reading: a length that a server gives is not to be believed, and it may give none. */
async function bodyOf(response: Response, repository: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > LARGEST_ANSWER) throw tooLarge(repository, `more than ${LARGEST_ANSWER / 2 ** 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Lets the library ask through our transport, which knows tokens, retries and errors. */
async function ask<T>(
  transport: Transport,
  repository: string,
  work: (through: { hubUrl: string; fetch: typeof fetch }) => Promise<T>,
): Promise<T> {
  const whole = async (address: string, init: RequestInit) => {
    const response = await request(transport, address, init, repository);
    // Read here, so that an answer that breaks off is asked for again.
    const body = await bodyOf(response, repository).catch((error) => {
      transport.signal?.throwIfAborted();
      if (error instanceof DndError) throw error;
      throw new TransientError(causeOf(error), undefined, { cause: error });
    });
    return new Response(body, { status: response.status, headers: response.headers });
  };
  let answers = 0;
  const through = {
    hubUrl: transport.endpoint,
    fetch: (async (address, init = {}) => {
      if (++answers > MOST_ANSWERS) throw tooLarge(repository, `more than ${MOST_ANSWERS} pages`);
      return withRetries(transport, repository, () => whole(String(address), init));
    }) satisfies typeof fetch,
  };
  try {
    return await work(through);
  } catch (error) {
    transport.signal?.throwIfAborted();
    if ((error as Error).name === 'SyntaxError') throw malformed(repository, 'JSON');
    throw error;
  }
}
