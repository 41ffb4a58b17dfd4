import { join } from 'node:path';
import { readGgufBase } from '../../../src/adapter/gguf/index.js';
import { readBaseModel } from '../../../src/adapter/index.js';
import { type GgufValue, ggmlBytes, writeGguf } from '../../../src/formats/gguf/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';

const folder = useTemporaryFolder();
const path = () => join(folder(), 'base.gguf');

const text = (value: string): GgufValue => ({ type: 'string', value });
const count = (value: number): GgufValue => ({ type: 'uint32', value });
const counts = (...values: number[]): GgufValue => ({
  type: 'array',
  value: { of: 'uint32', values: Uint32Array.from(values) },
});
const METADATA: Readonly<Record<string, GgufValue>> = {
  'general.architecture': text('llama'),
  'llama.block_count': count(2),
  'llama.context_length': count(64),
  'llama.embedding_length': count(24),
  'llama.feed_forward_length': count(40),
  'llama.attention.head_count': count(4),
  'llama.attention.head_count_kv': count(2),
  'llama.attention.key_length': count(8),
  'llama.attention.layer_norm_rms_epsilon': { type: 'float32', value: 1e-5 },
};

async function write(
  changes: Readonly<Record<string, GgufValue>> = {},
  shapes: Readonly<Record<string, readonly [number, number]>> = {},
): Promise<void> {
  const all = { 'blk.0.attn_q.weight': [24, 32], 'blk.1.attn_k.weight': [24, 16], ...shapes };
  const tensors = Object.entries(all).map(([name, shape]) => ({
    name,
    shape,
    type: 'F32' as const,
    bytes: () => [new Uint8Array(ggmlBytes('F32', shape)!)],
  }));
  await writeGguf(path(), new Map(Object.entries({ ...METADATA, ...changes })), tensors);
}

test('the base of an adapter and a base model are read with the same sizes and the same name', async () => {
  await write({
    'general.source.repo_url': text('https://models.example/tiny/llama'),
    'llama.attention.head_count': counts(4, 4),
    'llama.attention.head_count_kv': counts(2, 2),
  });
  const expected = { name: 'tiny/llama', heads: 4, kvHeads: 2, layers: 2 };
  const base = await readGgufBase(path());
  expect(base).toMatchObject({ ...expected, architecture: 'llama' });
  expect(base.weightShape(0, 'attn_q')).toEqual([24, 32]);
  expect(await readBaseModel(path())).toMatchObject({ ...expected, modelType: 'llama', headDim: 8 });
});

test.each<[string, string, RegExp, Parameters<typeof write>]>([
  [
    'heads that differ between layers',
    'UNSUPPORTED_BASE',
    /head_count differs between layers/,
    [{ 'llama.attention.head_count': counts(4, 2) }],
  ],
  ['one part of several', 'UNSUPPORTED_BASE', /one of 3 parts/, [{ 'split.count': count(3) }]],
  ['an adapter', 'UNSUPPORTED_BASE', /of type "adapter"/, [{ 'general.type': text('adapter') }]],
  [
    'heads that contradict q',
    'SHAPE_MISMATCH',
    /blk.0.attn_q.weight does not fit .* expected 8 heads of 8 rows, 64, got 32/,
    [{ 'llama.attention.head_count': count(8) }],
  ],
  [
    'heads that contradict k in another layer',
    'SHAPE_MISMATCH',
    /blk.1.attn_k.weight does not fit .* expected 4 heads/,
    [{ 'llama.attention.head_count_kv': count(4) }],
  ],
])('a file with %s is refused by both', async (_what, code, message, parts) => {
  await write(...parts);
  for (const read of [readGgufBase, readBaseModel])
    await expect(read(path())).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
