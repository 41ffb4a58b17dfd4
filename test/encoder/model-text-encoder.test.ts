import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HashEncoder, loadTextEncoder, ModelTextEncoder } from '../../src/encoder/index.js';
import { writeSafetensorsSharded } from '../../src/formats/safetensors/index.js';
import { copyEncoderFiles } from '../../src/generator/encoder-folder.js';
import { convertToPytorch } from '../formats/write-pytorch.js';
import { SPELLING_TOKENIZER, smallBertTensors, spell, writeModel } from './models.js';

const plain = { padding: 'encode', pooling: 'none' } as const;
const CHANNELS = 24;

let temporary: string;
let encoder: ModelTextEncoder;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'dnd-encoder-'));
  encoder = await ModelTextEncoder.load(await writeModel(join(temporary, 'small')));
});
afterAll(async () => {
  encoder.dispose();
  await rm(temporary, { recursive: true, force: true });
});

function row(hiddenStates: Float32Array, index: number): Float32Array {
  return hiddenStates.slice(index * CHANNELS, (index + 1) * CHANNELS);
}

function sha256(...contents: Uint8Array[]): string {
  return createHash('sha256').update(Buffer.concat(contents)).digest('hex');
}

describe('encoding prompts', () => {
  test('is encoding their token ids, cut and padded', async () => {
    const prompts = ['abc de', 'the quick brown fox'];
    const length = 12;
    const result = await encoder.encode(prompts, { maxLength: length, ...plain });
    const ids = new Int32Array(2 * length);
    const mask = new Int32Array(2 * length);
    const first = spell(prompts[0]!);
    const second = [...spell(prompts[1]!).slice(0, length - 1), 3];
    ids.set(first);
    mask.fill(1, 0, first.length);
    ids.set(second, length);
    mask.fill(1, length);
    const expected = await encoder.model.encodeIds({ ids, mask, prompts: 2, length, ...plain });
    expect(result.hiddenStates).toEqual(expected);
    expect(result).toMatchObject({ shape: [2, 12, CHANNELS], tokens: 7 + 12, truncatedPrompts: [1] });
  });

  test('leaves padding zero on request, and the rest unchanged', async () => {
    const options = { maxLength: 10, pooling: 'none' } as const;
    const encoded = await encoder.encode(['abc'], { ...options, padding: 'encode' });
    const zeroed = await encoder.encode(['abc'], { ...options, padding: 'zero' });
    for (let i = 0; i < 10; i++) {
      const expected = i < 5 ? row(encoded.hiddenStates, i) : new Float32Array(CHANNELS);
      for (let c = 0; c < CHANNELS; c++) expect(row(zeroed.hiddenStates, i)[c]).toBeCloseTo(expected[c]!, 5);
    }
    expect(row(encoded.hiddenStates, 9)).not.toEqual(new Float32Array(CHANNELS));
  });

  test('pools to the mean of the real tokens or to the first', async () => {
    const prompts = ['abc', 'x'];
    const all = await encoder.encode(prompts, { maxLength: 10, ...plain });
    const mean = await encoder.encode(prompts, { maxLength: 10, padding: 'encode', pooling: 'mean' });
    const first = await encoder.encode(prompts, { maxLength: 10, padding: 'encode', pooling: 'cls' });
    expect(mean.shape).toEqual([2, 1, CHANNELS]);
    for (let c = 0; c < CHANNELS; c++) {
      let sum = 0;
      for (let i = 0; i < 5; i++) sum += row(all.hiddenStates, i)[c]!;
      expect(mean.hiddenStates[c]).toBeCloseTo(sum / 5, 5);
      expect(row(first.hiddenStates, 1)[c]).toBeCloseTo(row(all.hiddenStates, 10)[c]!, 6);
    }
  });

  test('cuts prompts longer than the positions into windows', async () => {
    expect(encoder.maxWindow).toBe(32);
    const prompt = 'abcdefghij '.repeat(6);
    const long = await encoder.encode([prompt], { maxLength: 96, ...plain });
    expect(long).toMatchObject({ shape: [1, 96, CHANNELS], tokens: 62, truncatedPrompts: [] });
    // The second window by itself: positions restart, and there is no [CLS].
    const ids = new Int32Array(32);
    ids.set(spell(prompt).slice(32));
    const mask = new Int32Array(32).fill(1, 0, 30);
    const second = await encoder.model.encodeIds({ ids, mask, prompts: 1, length: 32, ...plain });
    for (let i = 0; i < second.length; i++) expect(long.hiddenStates[32 * CHANNELS + i]).toBeCloseTo(second[i]!, 5);
  });

  test('refuses lengths above the positions that are no multiple of them', async () => {
    await expect(encoder.encode(['a'], { maxLength: 40, ...plain })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('multiple of 32, such as 32 or 64'),
    });
  });

  test('refuses no prompts', async () => {
    await expect(encoder.encode([], { maxLength: 8, ...plain })).rejects.toMatchObject({ code: 'INVALID_PROMPTS' });
  });

  test('rejects with the reason of a signal that is aborted', async () => {
    const reason = new Error('enough');
    const encode = encoder.encode(['a'], { maxLength: 8, ...plain, signal: AbortSignal.abort(reason) });
    await expect(encode).rejects.toBe(reason);
  });

  test('reports progress to the end', async () => {
    const seen: number[] = [];
    await encoder.encode(['a', 'b'], { maxLength: 8, ...plain, onProgress: (fraction) => seen.push(fraction) });
    expect(seen.at(-1)).toBe(1);
  });

  test('is refused once the encoder is disposed of', async () => {
    const other = await ModelTextEncoder.load(join(temporary, 'small'));
    other.dispose();
    other.dispose();
    await expect(other.encode(['a'], { maxLength: 8, ...plain })).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

describe('the identity', () => {
  test('is made of the name, the channels and the digests of weights and tokeniser', async () => {
    const folder = join(temporary, 'small');
    expect(encoder.identity).toEqual({
      type: 'bert',
      name: 'small',
      channels: CHANNELS,
      weightsSha256: sha256(await readFile(join(folder, 'model.safetensors'))),
      tokenizerSha256: sha256(await readFile(join(folder, 'tokenizer.json'))),
    });
  });

  test("is named after the model in Hugging Face's cache", async () => {
    const folder = join(temporary, 'models--some-one--tiny-bert', 'snapshots', '0123abc');
    const cached = await ModelTextEncoder.load(await writeModel(folder));
    expect(cached.identity.name).toBe('some-one/tiny-bert');
    cached.dispose();
  });
});

describe('loading', () => {
  test('takes weights in several files, with the digest of all of them', async () => {
    const folder = await writeModel(join(temporary, 'sharded'), {}, []);
    await writeSafetensorsSharded(folder, 'model', await smallBertTensors(), { maxShardBytes: 20_000 });
    const sharded = await ModelTextEncoder.load(folder);
    const options = { maxLength: 8, ...plain };
    const [ours, single] = [await sharded.encode(['abc'], options), await encoder.encode(['abc'], options)];
    expect(ours.hiddenStates).toEqual(single.hiddenStates);
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
    const names = [...new Set<string>(Object.values(index.weight_map))].sort();
    expect(names.length).toBeGreaterThan(1);
    const parts = await Promise.all(names.map((name) => readFile(join(folder, name))));
    expect(sharded.identity.weightsSha256).toBe(sha256(...parts));
    sharded.dispose();
  });

  test('with pytorch_model.bin alone', async () => {
    const folder = await writeModel(join(temporary, 'pytorch'));
    await convertToPytorch(join(folder, 'model.safetensors'), join(folder, 'pytorch_model.bin'));
    await rm(join(folder, 'model.safetensors'));
    const loaded = await ModelTextEncoder.load(folder);
    expect(loaded.identity.weightsSha256).toBe(sha256(await readFile(join(folder, 'pytorch_model.bin'))));
    const options = { maxLength: 8, ...plain };
    expect(await loaded.encode(['abc'], options)).toEqual(await encoder.encode(['abc'], options));
    loaded.dispose();
    await copyEncoderFiles(folder, join(temporary, 'copy'), undefined);
    expect(await readdir(join(temporary, 'copy'))).toContain('pytorch_model.bin');
  });

  test('with pytorch_model.bin in several files', async () => {
    const folder = await writeModel(join(temporary, 'pytorch-sharded'), {}, []);
    await writeSafetensorsSharded(folder, 'model', await smallBertTensors(), { maxShardBytes: 20_000 });
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
    const files = [...new Set<string>(Object.values(index.weight_map))].sort();
    const renamed = (name: string) => name.replace(/^model/, 'pytorch_model').replace(/safetensors$/, 'bin');
    for (const file of files) {
      await convertToPytorch(join(folder, file), join(folder, renamed(file)));
      await rm(join(folder, file));
    }
    const map = Object.entries<string>(index.weight_map).map(([tensor, file]) => [tensor, renamed(file)]);
    const written = join(folder, 'pytorch_model.bin.index.json');
    await writeFile(written, JSON.stringify({ ...index, weight_map: Object.fromEntries(map) }));
    await rm(join(folder, 'model.safetensors.index.json'));

    const loaded = await ModelTextEncoder.load(folder);
    const parts = await Promise.all(files.map((file) => readFile(join(folder, renamed(file)))));
    expect(parts.length).toBeGreaterThan(1);
    expect(loaded.identity.weightsSha256).toBe(sha256(...parts));
    const options = { maxLength: 8, ...plain };
    expect(await loaded.encode(['abc'], options)).toEqual(await encoder.encode(['abc'], options));
    loaded.dispose();
    await copyEncoderFiles(folder, join(temporary, 'sharded-copy'), undefined);
    const copied = await ModelTextEncoder.load(join(temporary, 'sharded-copy'));
    expect(copied.identity.weightsSha256).toBe(sha256(...parts));
    copied.dispose();

    await writeFile(written, JSON.stringify({ weight_map: { ...Object.fromEntries(map), extra: renamed(files[0]!) } }));
    await expect(ModelTextEncoder.load(folder)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(/00001.*\.bin has no tensor "extra".*pytorch_model\.bin\.index\.json/),
    });
    await writeFile(written, JSON.stringify({ weight_map: { a: '../escape.bin' } }));
    await expect(ModelTextEncoder.load(folder)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining('not in a .bin file beside it'),
    });
  });

  test('passes over what sentence-transformers adds', async () => {
    const folder = await writeModel(join(temporary, 'sentence'), {
      'modules.json': [{ idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' }],
      'sentence_bert_config.json': { max_seq_length: 16, do_lower_case: false },
    });
    await mkdir(join(folder, '1_Pooling'));
    await writeFile(join(folder, '1_Pooling', 'config.json'), '{"pooling_mode_mean_tokens": true}');
    const loaded = await ModelTextEncoder.load(folder);
    expect(loaded.identity).toEqual({ ...encoder.identity, name: 'sentence' });
    loaded.dispose();
  });

  test('does without tokenizer_config.json', async () => {
    const loaded = await ModelTextEncoder.load(
      await writeModel(join(temporary, 'bare'), { 'tokenizer_config.json': undefined }),
    );
    const { ids } = await loaded.tokenise(['Ab'], { maxLength: 6 });
    expect([...ids]).toEqual([...spell('ab'), 0, 0]);
    loaded.dispose();
  });

  test('gives the hash encoder for "hash"', async () => {
    const hash = await loadTextEncoder('hash', { channels: 96 });
    expect(hash).toBeInstanceOf(HashEncoder);
    expect(hash.identity).toEqual({ type: 'hash', channels: 96 });
    expect((await loadTextEncoder('hash')).channels).toBe(384);
  });

  test('gives a BERT for a folder', async () => {
    const loaded = await loadTextEncoder(join(temporary, 'small'), { threads: 1 });
    expect(loaded.identity).toEqual(encoder.identity);
    loaded.dispose();
  });

  test('stops with the reason of the signal', async () => {
    const reason = new Error('enough');
    const load = loadTextEncoder(join(temporary, 'small'), { signal: AbortSignal.abort(reason) });
    await expect(load).rejects.toBe(reason);
  });
});

describe('a folder that is no text encoder is refused', () => {
  let count = 0;
  const model = (files: Record<string, unknown>) => writeModel(join(temporary, `bad-${count++}`), files);

  test.each([
    ['without config.json', { 'config.json': undefined }, 'FILE_NOT_FOUND', 'it has no config.json'],
    ['without tokenizer.json', { 'tokenizer.json': undefined }, 'FILE_NOT_FOUND', 'it has no tokenizer.json'],
    [
      'with vocab.txt alone',
      { 'tokenizer.json': undefined, 'vocab.txt': '' },
      'FILE_NOT_FOUND',
      "it has no tokenizer.json; save the model's fast tokenizer",
    ],
    [
      'with the model in a folder of its own',
      { 'config.json': undefined, 'modules.json': [{ path: '0_Transformer' }] },
      'FILE_NOT_FOUND',
      '0_Transformer: give that folder',
    ],
    ['of another type', { 'config.json': { model_type: 'deberta-v2' } }, 'UNSUPPORTED_ENCODER', '"deberta-v2"'],
    ['with a tokeniser of another kind', { 'tokenizer.json': 7 }, 'CORRUPT_FILE', 'tokenizer.json must hold'],
    [
      'with special tokens that are unknown to the model',
      { 'tokenizer.json': { ...SPELLING_TOKENIZER, model: { type: 'Magic' } } },
      'UNSUPPORTED_ENCODER',
      'Magic',
    ],
  ])('%s', async (_, files, code, message) => {
    await expect(ModelTextEncoder.load(await model(files))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('that does not exist', async () => {
    await expect(loadTextEncoder(join(temporary, 'nowhere'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/nowhere does not exist.*or "hash"/),
    });
  });

  test('but a file', async () => {
    const path = join(temporary, 'file.bin');
    await writeFile(path, 'x');
    await expect(loadTextEncoder(path)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('is not a folder'),
    });
  });

  test('without weights', async () => {
    const folder = await model({});
    await rm(join(folder, 'model.safetensors'));
    await expect(loadTextEncoder(folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test.each([
    ['config.json', '{"model_type": '],
    ['tokenizer.json', ''],
    ['tokenizer_config.json', '\xff'],
    ['model.safetensors', 'not safetensors'],
  ])('with a damaged %s', async (name, content) => {
    const folder = await model({});
    await writeFile(join(folder, name), content, 'latin1');
    await expect(loadTextEncoder(folder)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(name),
    });
  });

  test('that needs more memory than it may have', async () => {
    const load = loadTextEncoder(join(temporary, 'small'), { memoryLimitBytes: 1000 });
    await expect(load).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });
});
