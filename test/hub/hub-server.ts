import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const ID = 'someone/thing';

// No test sends the token of whoever runs it.
process.env.HF_HUB_DISABLE_IMPLICIT_TOKEN = '1';

/** What goes wrong with a request; undefined: nothing. */
export type Fault = (
  request: { path: string; tries: number; start: number },
  response: ServerResponse,
) => boolean | undefined;

export interface HubServer extends AsyncDisposable {
  endpoint: string;
  /** Method, path and range of every request. */
  requests: string[];
  authorizations: (string | undefined)[];
}

interface Contents {
  files: Record<string, Buffer>;
  /** Paths whose contents are in large file storage. */
  large?: readonly string[];
  /** Entries of the listing beside the files. */
  extra?: readonly object[];
  fault?: Fault;
  ranges?: boolean;
  card?: object;
}

/** The parts of the Hub's interface that a download needs, on this machine. */
export async function hubServer({
  files,
  large = [],
  extra = [],
  fault,
  ranges = true,
  card,
}: Contents): Promise<HubServer> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const tries = new Map<string, number>();
  const entryOf = ([path, bytes]: [string, Buffer]) => {
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 };
    return { type: 'file', path, size: bytes.length, oid, ...(large.includes(path) && { lfs }) };
  };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname: path } = new URL(request.url!, 'http://localhost');
    tries.set(path, (tries.get(path) ?? 0) + 1);
    requests.push(`${request.method} ${path}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    authorizations.push(request.headers.authorization);
    if (fault?.({ path, tries: tries.get(path)!, start: startOf(request.headers.range) }, response)) return;
    const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (path.startsWith(`/api/models/${ID}/revision/`)) {
      const info = { _id: '1', id: ID, sha: COMMIT, lastModified: new Date(0), likes: 0, downloads: 0, gated: false };
      json({
        ...info,
        private: false,
        tags: ['license:apache-2.0', 'base_model:org/base', 'base_model:finetune:org/base'],
        ...card,
      });
    } else if (path === `/api/models/${ID}/tree/${COMMIT}`) {
      json([
        { type: 'directory', path: 'encoder', size: 0, oid: COMMIT },
        ...Object.entries(files).map(entryOf),
        ...extra,
      ]);
    } else {
      const bytes = files[decodeURIComponent(path.slice(`/${ID}/resolve/${COMMIT}/`.length))];
      if (bytes) sendBytes(bytes, request.headers.range, response, ranges);
      else response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    }
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    authorizations,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sendBytes(bytes: Buffer, range: string | undefined, response: ServerResponse, ranges: boolean): void {
  const start = ranges ? startOf(range) : 0;
  if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
  response.end(bytes.subarray(start));
}

/** The first byte that is asked for. */
function startOf(range: string | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
}
