import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { partialName } from '../../src/files/index.js';
import { type DownloadOptions, download } from '../../src/hub/index.js';
import { mountSmallDisk } from '../small-disk.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { COMMIT, type Fault, type HubServer, hubServer, ID } from './hub-server.js';

const folder = useTemporaryFolder();
const WEIGHTS = randomBytes(100_000);
const FILES = {
  'adapter_config.json': Buffer.from('{"peft_type":"LORA"}'),
  'adapter_model.safetensors': WEIGHTS,
  'README.md': Buffer.from('# not needed'),
};
const CONTENTS = { files: FILES, large: ['adapter_model.safetensors'] };
const RESOLVE = `/${ID}/resolve/${COMMIT}`;

const get = (server: HubServer, options: DownloadOptions = {}, reference = `hf:${ID}`) =>
  download(reference, 'adapter', {
    cacheFolder: folder(),
    endpoint: server.endpoint,
    pauseMs: 1,
    token: undefined,
    ...options,
  });

const BLOBS = 'models--someone--thing/blobs';

async function partials(): Promise<string[]> {
  return (await readdir(join(folder(), BLOBS))).filter((name) => name.startsWith('.'));
}

/** Until so much of an incomplete file has arrived in the cache. */
async function waitForPartial(bytes: number): Promise<void> {
  for (let found = 0; found < bytes; ) {
    await setImmediate();
    const sizes = (await partials()).map((name) => stat(join(folder(), BLOBS, name)).then(({ size }) => size));
    found = Math.max(0, ...(await Promise.all(sizes)));
  }
}

/** Sends the weights up to a byte, and breaks the connection once they have arrived. */
function sendUntil(end: number, response: ServerResponse, start = 0): void {
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': WEIGHTS.length - start });
  response.write(WEIGHTS.subarray(start, end));
  waitForPartial(end).then(() => response.destroy());
}

test('fetches the files that an adapter needs into the cache, and nothing else; the second time nothing at all', async () => {
  await using server = await hubServer(CONTENTS);
  const fractions: number[] = [];
  const got = await get(server, { onProgress: (fraction) => fractions.push(fraction) });
  expect(got).toMatchObject({
    id: ID,
    commit: COMMIT,
    license: 'apache-2.0',
    baseModels: ['org/base'],
    bytes: 100_020,
  });
  expect((await readdir(got.folder)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  expect((await readFile(join(got.folder, 'adapter_model.safetensors'))).equals(WEIGHTS)).toBe(true);
  // As huggingface_hub keeps it: a relative link to a blob that its checksum names.
  expect(await readlink(join(got.folder, 'adapter_model.safetensors'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
  expect(await readFile(join(folder(), 'models--someone--thing/refs/main'), 'utf8')).toBe(COMMIT);
  expect(fractions.at(-1)).toBe(1);
  const before = server.requests.length;
  expect((await get(server)).folder).toBe(got.folder);
  expect(server.requests.slice(before).filter((one) => one.includes('/resolve/'))).toEqual([]);
});

test('a connection that breaks off is continued where it ended', async () => {
  const fault: Fault = ({ path, tries, start }, response) => {
    if (!path.endsWith('.safetensors') || tries > 2) return false;
    sendUntil(start + 25_000, response, start);
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  const { folder: at } = await get(server);
  expect((await readFile(join(at, 'adapter_model.safetensors'))).equals(WEIGHTS)).toBe(true);
  expect(server.requests.filter((one) => one.includes('safetensors'))).toEqual([
    `GET ${RESOLVE}/adapter_model.safetensors`,
    `GET ${RESOLVE}/adapter_model.safetensors bytes=25000-`,
    `GET ${RESOLVE}/adapter_model.safetensors bytes=50000-`,
  ]);
});

test('a server that ignores ranges sends all of it again, and the file is right', async () => {
  const fault: Fault = ({ path, tries }, response) => {
    if (!path.endsWith('.safetensors') || tries > 1) return false;
    sendUntil(50_000, response);
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault, ranges: false });
  const { folder: at } = await get(server);
  expect((await readFile(join(at, 'adapter_model.safetensors'))).equals(WEIGHTS)).toBe(true);
  expect(server.requests).toContain(`GET ${RESOLVE}/adapter_model.safetensors bytes=50000-`);
});

test('what an ended process left incomplete is continued', async () => {
  await using server = await hubServer(CONTENTS);
  const { folder: at } = await get(server);
  const [blob] = (await readdir(join(folder(), 'models--someone--thing/blobs'))).filter((name) => name.length === 64);
  const other = join(folder(), 'other');
  const blobs = join(other, 'models--someone--thing/blobs');
  await mkdir(blobs, { recursive: true });
  const left = partialName(join(blobs, blob!.slice(0, 39))).replace(/-\d+-(\d*)-/, '-999999999-$1-');
  await writeFile(left, WEIGHTS.subarray(0, 70_000));
  const before = server.requests.length;
  expect((await get(server, { cacheFolder: other })).folder).not.toBe(at);
  expect(server.requests.slice(before)).toContain(`GET ${RESOLVE}/adapter_model.safetensors bytes=70000-`);
  expect((await readdir(blobs)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test.each([
  ['large', Buffer.from(WEIGHTS).fill(0)],
  ['small', WEIGHTS.subarray(0, 99_000)],
])('wrong contents of a file in %s storage are discarded', async (storage, wrong) => {
  const fault: Fault = ({ path, tries }, response) => {
    if (!path.endsWith('.safetensors') || tries > 1) return false;
    response.end(storage === 'large' ? wrong : Buffer.concat([wrong, randomBytes(1000)]));
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, large: storage === 'large' ? CONTENTS.large : [], fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringMatching(/adapter_model\.safetensors does not have the checksum/),
  });
  expect((await get(server)).bytes).toBe(100_020);
});

test('more bytes than are listed are refused before the disk is full of them', async () => {
  const fault: Fault = ({ path }, response) => {
    if (path.endsWith('.safetensors')) response.end(Buffer.concat([WEIGHTS, WEIGHTS]));
    return path.endsWith('.safetensors');
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringMatching(/more than the 100000 bytes/),
  });
});

test('redirects are followed, and the token is not sent to where they lead', async () => {
  await using storage = await hubServer(CONTENTS);
  const fault: Fault = ({ path }, response) => {
    if (!path.includes('/resolve/')) return false;
    response.writeHead(302, { location: storage.endpoint + path }).end();
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  const { bytes } = await get(server, { token: 'secret' });
  expect(bytes).toBe(100_020);
  expect(new Set(server.authorizations)).toEqual(new Set(['Bearer secret']));
  expect(new Set(storage.authorizations)).toEqual(new Set([undefined]));
});

test.each<[number, string | undefined, RegExp]>([
  [401, undefined, /does not exist or is private.*HF_TOKEN/],
  [401, 'wrong', /the token \(HF_TOKEN, or .*\) is not accepted/],
  [403, 'secret', /accept its conditions/],
  [404, undefined, /no such repository, revision or file/],
])('status %s with the token %s says what to do, at once', async (status, token, message) => {
  await using server = await hubServer({
    ...CONTENTS,
    fault: (_, response) => Boolean(response.writeHead(status).end()),
  });
  await expect(get(server, { token })).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(message),
  });
  expect(server.requests).toHaveLength(1);
});

test('a busy server is asked again, after the pause that it asks for', async () => {
  const fault: Fault = ({ tries }, response) =>
    tries === 1 && Boolean(response.writeHead(429, { 'retry-after': '0' }).end());
  await using server = await hubServer({ ...CONTENTS, fault });
  expect((await get(server, { pauseMs: 3_600_000 })).bytes).toBe(100_020);
});

test('a server that stays silent is given up, and what arrived is kept for the next try', async () => {
  let silent = true;
  const fault: Fault = ({ path, tries }, response) => {
    if (!silent || !path.endsWith('.safetensors')) return false;
    if (tries > 1) return Boolean(response.writeHead(503).end());
    sendUntil(50_000, response);
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/after 5 tries: status 503/),
  });
  expect(await partials()).toHaveLength(1);
  await expect(get(server)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
  expect(await partials()).toHaveLength(1);
  silent = false;
  const before = server.requests.length;
  const { folder: at } = await get(server);
  expect(server.requests.slice(before)).toContain(`GET ${RESOLVE}/adapter_model.safetensors bytes=50000-`);
  expect((await readFile(join(at, 'adapter_model.safetensors'))).equals(WEIGHTS)).toBe(true);
  expect(await partials()).toEqual([]);
});

test('a server that is not there is given up', async () => {
  await using closed = await hubServer(CONTENTS);
  await closed[Symbol.asyncDispose]();
  await expect(get(closed)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
});

test('of two downloads of a file at once, one fetches it', async () => {
  await using server = await hubServer(CONTENTS);
  const [one, other] = await Promise.all([get(server), get(server)]);
  expect(one.folder).toBe(other.folder);
  expect(server.requests.filter((request) => request.includes('/resolve/'))).toHaveLength(2);
  expect(await partials()).toEqual([]);
});

test('when the first of two downloads is aborted, the second goes on', async () => {
  const abort = new AbortController();
  let asked = 0;
  const fault: Fault = ({ path }, response) => {
    if (!path.endsWith('.safetensors') || ++asked > 1) return false;
    response.writeHead(200, { 'content-length': WEIGHTS.length });
    response.write(WEIGHTS.subarray(0, 50_000));
    second = get(server);
    waitForPartial(50_000).then(() => abort.abort(new Error('enough')));
    return true;
  };
  let second: ReturnType<typeof get> | undefined;
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server, { signal: abort.signal })).rejects.toThrow('enough');
  expect((await second!).bytes).toBe(100_020);
  expect(server.requests).toContain(`GET ${RESOLVE}/adapter_model.safetensors bytes=50000-`);
});

test('waiting for another download ends with an abort, too', async () => {
  const abort = new AbortController();
  const end = new AbortController();
  const fault: Fault = ({ path }, response) => {
    if (!path.endsWith('.safetensors')) return false;
    response.writeHead(200, { 'content-length': WEIGHTS.length }).flushHeaders();
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  const first = get(server, { signal: end.signal });
  const second = get(server, {
    signal: abort.signal,
    onProgress: () => void setImmediate().then(() => abort.abort(new Error('enough'))),
  });
  await expect(second).rejects.toThrow('enough');
  end.abort(new Error('over'));
  await expect(first).rejects.toThrow('over');
});

test.each<[string, string, 'a file' | 'a folder']>([
  ['the cache folder', '', 'a file'],
  ['blobs', BLOBS, 'a file'],
  ['the name of a blob', `${BLOBS}/${createHash('sha256').update(WEIGHTS).digest('hex')}`, 'a folder'],
  ['refs', 'models--someone--thing/refs', 'a file'],
  ['the name of a revision', 'models--someone--thing/refs/main', 'a folder'],
  ['the name of a file', `models--someone--thing/snapshots/${COMMIT}/adapter_config.json`, 'a folder'],
  ['snapshots', 'models--someone--thing/snapshots', 'a file'],
])('where %s cannot be written, the refusal says so', async (_, path, obstacle) => {
  const cacheFolder = join(folder(), 'cache');
  const at = join(cacheFolder, path);
  await mkdir(obstacle === 'a folder' ? join(at, 'something') : dirname(at), { recursive: true });
  if (obstacle === 'a file') await writeFile(at, '');
  await using server = await hubServer(CONTENTS);
  const error = await get(server, { cacheFolder }).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'NOT_WRITABLE', message: expect.stringContaining(at) });
});

describe('on a small disk', () => {
  const small = mountSmallDisk('size=64k');
  const readOnly = mountSmallDisk('size=64k,ro');
  afterAll(() => {
    small.unmount();
    readOnly.unmount();
  });

  test.each([
    ['full', small.folder, 'DISK_FULL'],
    ['read-only', readOnly.folder, 'NOT_WRITABLE'],
  ])('that is %s the refusal says so', async (_, cacheFolder, code) => {
    await using server = await hubServer(CONTENTS);
    await expect(get(server, { cacheFolder })).rejects.toMatchObject({ code });
  });
});

test('an abort ends a download, and a pause', async () => {
  const abort = new AbortController();
  const fault: Fault = (_, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end();
    setImmediate().then(() => abort.abort(new Error('enough')));
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server, { signal: abort.signal })).rejects.toThrow('enough');
});

test('offline, the cache is used and nothing is asked', async () => {
  await using server = await hubServer(CONTENTS);
  await expect(get(server, { offline: true })).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringMatching(/HF_HUB_OFFLINE/),
  });
  const { folder: at } = await get(server);
  const asked = server.requests.length;
  process.env.HF_HUB_OFFLINE = '1';
  try {
    expect((await get(server)).folder).toBe(at);
  } finally {
    delete process.env.HF_HUB_OFFLINE;
  }
  expect(server.requests).toHaveLength(asked);
});

test.each(['../outside.safetensors', '/etc/adapter_model.safetensors', 'a\\..\\b.safetensors', 'C:/x.safetensors'])(
  'a listing with the path %s is refused',
  async (path) => {
    const extra = [{ type: 'file', path, size: 1, oid: COMMIT }];
    await using server = await hubServer({ ...CONTENTS, extra });
    await expect(get(server)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(/not inside a repository/),
    });
  },
);

test.each([
  ['not JSON', '<html>'],
  ['no commit', '{"id":"x"}'],
])('an endpoint that is no Hub is recognised: %s', async (_, text) => {
  const fault: Fault = (_request, response) => Boolean(response.end(text));
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/not that of a Hugging Face Hub/),
  });
});

test.each(['revision', 'tree'])('an answer without an end is not read to its end: %s', async (which) => {
  const spaces = Buffer.alloc(2 ** 20, ' ');
  let sent = 0;
  const fault: Fault = ({ path }, response) => {
    if (!path.includes(`/${which}/`)) return false;
    const more = () => {
      sent += spaces.length;
      response.write(spaces, (error) => error || more());
    };
    more();
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: `hf:${ID}: the server's answer is too large: more than 16 MiB`,
  });
  expect(sent).toBeLessThan(100 * 2 ** 20);
});

test('a listing without an end is given up', async () => {
  const fault: Fault = ({ path, tries }, response) => {
    if (!path.includes('/tree/')) return false;
    const next = `http://${response.req.headers.host}${path}?cursor=${tries}`;
    response.writeHead(200, { link: `<${next}>; rel="next"` }).end('[]');
    return true;
  };
  await using server = await hubServer({ ...CONTENTS, fault });
  await expect(get(server)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/more than 200 pages/),
  });
});

test('a listing of too many files is given up, one of several pages is read', async () => {
  let pages = 0;
  const fault: Fault = ({ path, tries }, response) => {
    if (!path.includes('/tree/') || tries > pages) return false;
    const next = `http://${response.req.headers.host}${path}?cursor=${tries}`;
    const files = Array.from({ length: 60_000 }, (_, i) => ({
      type: 'file',
      path: `${tries}-${i}`,
      size: 1,
      oid: 'a',
    }));
    response.writeHead(200, { link: `<${next}>; rel="next"` }).end(JSON.stringify(files));
    return true;
  };
  pages = 1;
  await using server = await hubServer({ ...CONTENTS, fault });
  expect((await get(server)).bytes).toBe(100_020);
  pages = 2;
  await using large = await hubServer({ ...CONTENTS, fault });
  await expect(get(large)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/more than 100000 files/),
  });
});

describe('a folder inside a repository', () => {
  const inside = (folder: string) =>
    Object.fromEntries(Object.entries(FILES).map(([name, bytes]) => [`${folder}/${name}`, bytes]));
  const files = { ...inside('sub/first'), ...inside('sub/second'), 'README.md': FILES['README.md'] };

  test('is fetched alone, by its name, and found again offline', async () => {
    await using server = await hubServer({ files, large: ['sub/first/adapter_model.safetensors'] });
    const got = await get(server, {}, `hf:${ID}/sub/first`);
    expect(got).toMatchObject({ id: ID, files: ['adapter_config.json', 'adapter_model.safetensors'], bytes: 100_020 });
    expect(got.folder).toBe(join(folder(), 'models--someone--thing/snapshots', COMMIT, 'sub/first'));
    expect((await readFile(join(got.folder, 'adapter_model.safetensors'))).equals(WEIGHTS)).toBe(true);
    expect(server.requests.filter((one) => /README|second/.test(one))).toEqual([]);
    expect(await get(server, { offline: true }, `hf:${ID}/sub/first`)).toMatchObject({
      folder: got.folder,
      bytes: 100_020,
    });
    await expect(get(server, { offline: true }, `hf:${ID}/sub/second`)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    expect((await get(server, {}, `hf:${ID}/sub/second@main`)).folder).toMatch(/sub\/second$/);
  });

  test.each([
    ['the repository itself', ''],
    ['a folder that is not there', '/sub/third'],
    ['a folder above', '/sub'],
    ['the beginning of a name', '/sub/fir'],
  ])('is proposed where %s is given', async (_, place) => {
    await using server = await hubServer({ files });
    await expect(get(server, {}, `hf:${ID}${place}`)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /it has no adapter_config\.json; .*\. Give hf:someone\/thing\/sub\/first or hf:someone\/thing\/sub\/second$/,
      ),
    });
  });
});

test('a repository of another kind is refused with what it has', async () => {
  await using server = await hubServer({ files: { 'config.json': Buffer.from('{}'), 'model.bin': WEIGHTS } });
  await expect(get(server)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(
      /not a LoRA adapter: it has no adapter_config\.json; it has model\.bin, config\.json$/,
    ),
  });
});

test.each(['hf:', 'hf:a/b/../c', 'hf:a/b/./c', 'hf:a/b//c', 'hf:../x', 'hf:a/..', 'hf:a/b@', 'hf:a/b@../x', 'hf:a b'])(
  '%s is no reference',
  async (text) => {
    await using server = await hubServer(CONTENTS);
    await expect(get(server, {}, text)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(server.requests).toEqual([]);
  },
);
