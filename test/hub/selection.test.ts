import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DownloadOptions, download, type HubKind } from '../../src/hub/index.js';
import { LARGEST_COPIED, type ListedFile, selectFiles } from '../../src/hub/selection.js';
import { openBaseFolder } from '../../src/merging/base-folder.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { type HubServer, hubServer, ID } from './hub-server.js';

const folder = useTemporaryFolder();

const get = (server: HubServer, kind: HubKind, options: DownloadOptions = {}) =>
  download(ID, kind, { cacheFolder: folder(), endpoint: server.endpoint, pauseMs: 1, token: undefined, ...options });

const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
const index = (names: readonly string[]) =>
  JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`tensor${i}`, name])) });
const INDEX = { 'model.safetensors.index.json': index(SHARDS) };
/** Files with contents; those without have their name as such. */
const repository = (...names: (string | Record<string, string>)[]) =>
  hubServer({
    files: Object.fromEntries(
      names
        .flatMap((one): [string, string][] => (typeof one === 'string' ? [[one, one]] : Object.entries(one)))
        .map(([name, text]) => [name, Buffer.from(text)]),
    ),
  });

const TOKENIZER = ['added_tokens.json', 'merges.txt', 'tokenizer.json', 'tokenizer.model', 'vocab.json'];

test.each<[string, HubKind, string[], string[]]>([
  ['an old PEFT adapter', 'adapter', ['adapter_config.json', 'adapter_model.bin'], ['optimizer.pt', 'README.md']],
  ['an adapter of MLX', 'adapter', ['adapter_config.json', 'adapters.safetensors'], ['0000100_adapters.safetensors']],
  [
    'an adapter in both of PEFT’s formats',
    'adapter',
    ['adapter_config.json', 'adapter_model.safetensors'],
    ['adapter_model.bin'],
  ],
  [
    'an old text encoder',
    'encoder',
    ['config.json', 'pytorch_model.bin', 'tokenizer.json', 'vocab.txt'],
    ['rust_model.ot'],
  ],
  [
    'an encoder in both formats',
    'encoder',
    ['config.json', 'model.safetensors', 'tokenizer.json'],
    ['pytorch_model.bin'],
  ],
  ['word vectors', 'encoder', ['vocab.txt', 'word-vectors.safetensors'], ['README.md']],
  [
    'a base with a SentencePiece tokenizer',
    'base',
    [...TOKENIZER, 'LICENSE', 'config.json', 'model.safetensors', 'preprocessor_config.json'],
    ['.gitattributes', 'consolidated.00.pth', 'pytorch_model.bin', 'original/params.json', 'onnx/model.onnx'],
  ],
  [
    'a base with several chat templates',
    'base',
    ['additional_chat_templates/tools.jinja', 'config.json', 'model.safetensors'],
    ['images/logo.png'],
  ],
  ['a base with one file beside shards', 'base', ['config.json', 'model.safetensors'], SHARDS],
  [
    'a generator',
    'generator',
    [
      'decoder.safetensors',
      'encoder/config.json',
      'encoder/pytorch_model.bin',
      'encoder/tokenizer.json',
      'generator.json',
      'normalisation.safetensors',
    ],
    ['encoder/tf_model.h5', 'training.json', 'training.safetensors'],
  ],
  [
    'a checkpoint of a generator',
    'generator',
    ['checksums.json', 'decoder.safetensors', 'generator.json'],
    ['optimizer.safetensors'],
  ],
])('of %s all that is used is fetched, and nothing else', async (_, kind, needed, others) => {
  await using server = await repository(...needed, ...others);
  const { files } = await get(server, kind);
  expect([...files].sort()).toEqual([...needed].sort());
});

test('a text encoder in several PyTorch files has all that its index names', async () => {
  const names = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
  const needed = ['config.json', ...names, 'tokenizer.json'];
  await using server = await repository(...needed, 'tf_model.h5', { 'pytorch_model.bin.index.json': index(names) });
  const { files } = await get(server, 'encoder');
  expect([...files].sort()).toEqual([...needed, 'pytorch_model.bin.index.json'].sort());
});

test('a model in several files has all that its index names, whatever their names', async () => {
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model-head.safetensors'];
  await using server = await repository('config.json', 'model-other.safetensors', ...names, {
    'model.safetensors.index.json': index(names),
  });
  const { files, folder: at } = await get(server, 'base');
  expect([...files].sort()).toEqual(['config.json', 'model.safetensors.index.json', ...names].sort());
  expect((await readdir(at)).sort()).toEqual([...files].sort());
});

test('a file that the index names and the repository lacks is refused by name', async () => {
  await using server = await repository('config.json', SHARDS[0]!, INDEX);
  await expect(get(server, 'base')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `hf:${ID} is not a base model: it has no ${SHARDS[1]}, which model.safetensors.index.json names`,
  });
});

test.each<[HubKind, string[], string]>([
  [
    'base',
    ['config.json', 'model-Q4.gguf'],
    'a base model: it has no model.safetensors or model.safetensors.index.json; it has model-Q4.gguf, config.json',
  ],
  [
    'encoder',
    ['config.json'],
    'a text encoder: it has no model.safetensors or model.safetensors.index.json or pytorch_model.bin or pytorch_model.bin.index.json; it has config.json',
  ],
  [
    'adapter',
    ['adapter_config.json'],
    'a LoRA adapter: it has no adapter_model.safetensors or adapter_model.bin or adapters.safetensors; it has adapter_config.json',
  ],
  [
    'generator',
    ['generator.json'],
    'a generator: it has no decoder.safetensors or decoder.safetensors.index.json; it has generator.json',
  ],
])('without weights a repository is no %s, and nothing is fetched', async (kind, files, message) => {
  await using server = await repository(...files);
  await expect(get(server, kind)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `hf:${ID} is not ${message}`,
  });
  expect(server.requests.filter((one) => one.includes('/resolve/'))).toEqual([]);
});

test('of a base, large files are fetched only if they are read', () => {
  const files: ListedFile[] = [
    { path: 'config.json', bytes: 10 },
    { path: 'film.mp4', bytes: LARGEST_COPIED + 1 },
    { path: 'model.safetensors', bytes: 2 ** 40 },
    { path: 'picture.png', bytes: LARGEST_COPIED },
    { path: 'tokenizer.json', bytes: LARGEST_COPIED + 1 },
  ];
  expect(selectFiles('base', files)).toEqual({
    beside: ['config.json', 'picture.png', 'tokenizer.json'],
    weights: ['model.safetensors'],
    indices: [],
  });
});

test('of a base, what is fetched is what a merge copies', async () => {
  const names = [
    ...TOKENIZER,
    'config.json',
    'adapter_config.json',
    'checksums.json',
    'model.gguf',
    '.hidden',
    'a.bin',
  ];
  const template = 'additional_chat_templates/tools.jinja';
  await mkdir(join(folder(), dirname(template)), { recursive: true });
  for (const name of [...names, template]) await writeFile(join(folder(), name), name === 'config.json' ? '{}' : '');
  const header = Buffer.from('{}      ');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(folder(), 'model.safetensors'), Buffer.concat([length, header]));
  const { weights, copied } = await openBaseFolder(folder());
  await weights.close();
  const listed = [...names, template, 'model.safetensors'].map((path) => ({ path, bytes: 1 }));
  const { beside } = selectFiles('base', listed) as { beside: string[] };
  expect([...new Set(beside.map((path) => path.split('/')[0]))].sort()).toEqual(copied);
});

describe('offline', () => {
  const offline = { offline: true };

  test('the files of what was downloaded are listed, with their bytes', async () => {
    await using server = await repository('config.json', ...SHARDS, INDEX, 'tokenizer.json');
    const { files, bytes, folder: at } = await get(server, 'base');
    expect(await get(server, 'base', offline)).toMatchObject({ files, bytes, folder: at, license: undefined });
    expect(bytes).toBeGreaterThan(0);
  });

  test('what is there for another use is not enough', async () => {
    await using server = await repository('config.json', 'model.safetensors', 'tokenizer.json');
    await get(server, 'base-config');
    await expect(get(server, 'base', offline)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(
        /as a base model: it has no model\.safetensors.*; it has config\.json.*HF_HUB_OFFLINE/,
      ),
    });
    expect((await get(server, 'base-config', offline)).files).toEqual(['config.json']);
  });

  test.each(['its name', 'its contents'])('a file of a set that has lost %s is missed', async (what) => {
    await using server = await repository('config.json', ...SHARDS, INDEX);
    const { folder: at } = await get(server, 'base');
    const lost = join(at, SHARDS[1]!);
    await rm(what === 'its name' ? lost : await realpath(lost));
    await expect(get(server, 'base', offline)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(SHARDS[1]!),
    });
  });
});
