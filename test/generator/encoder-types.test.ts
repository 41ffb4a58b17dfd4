import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import { SPELLING_TOKENIZER, tensor, writeModel } from '../encoder/models.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { createTiny, TINY_TOKENS } from './tiny.js';

const temporary = useTemporaryFolder();

/** A golden file's model as a folder, with a tokeniser that spells. */
async function writeGolden(name: string, config: object = {}): Promise<string> {
  const file = await SafetensorsFile.open(join(__dirname, '..', 'fixtures', name));
  const own = [...file.tensors.values()].filter(
    (info) =>
      !/^(input_ids|attention_mask|labels|hidden_states|pooled|lora|grad|logits|greedy|training|trained)/.test(
        info.name,
      ),
  );
  const tensors = await Promise.all(
    own.map(async (info) => tensor(info.name, info.shape, await file.readFloat32(info.name))),
  );
  const all = { ...JSON.parse(file.metadata.config!), ...config };
  await file.close();
  const tokenizer = { ...SPELLING_TOKENIZER, post_processor: null };
  return writeModel(join(temporary(), 'encoder'), { 'config.json': all, 'tokenizer.json': tokenizer }, tensors);
}

// Single letters: the ids of others exceed the small vocabularies.
const PROMPTS = ['a b c', 'd', 'e f g h', 'i j'];

test.each([
  ['encoder/encoder_mpnet.safetensors', 16, 'mpnet', {}],
  ['encoder/encoder_t5.safetensors', 24, 't5', {}],
  ['encoder/encoder_modernbert.safetensors', 16, 'modernbert', {}],
  ['golden/causal_llama.safetensors', 32, 'llama', { encoderLayer: 2 }],
] as const)(
  'a generator with the encoder of %s is saved, loaded and gives the same adapter',
  async (name, channels, type, more) => {
    const encoder = await writeGolden(name, type === 'llama' ? { vocab_size: 48 } : {});
    const out = join(temporary(), 'generator');
    const made = await createTiny({ encoder, features: [[4, 8, channels], [6, 6, 12], TINY_TOKENS], ...more });
    await made.save(out);
    const expected = await made.generate(PROMPTS);
    made.dispose();
    const manifest = JSON.parse(await readFile(join(out, 'generator.json'), 'utf8'));
    expect(manifest).toMatchObject({ formatVersion: 3, encoder: { type, channels } });
    expect(manifest.encoder.layer).toBe(type === 'llama' ? 2 : undefined);
    expect(manifest.condition.padding).toBe(type === 'llama' ? 'zero' : 'encode');
    const loaded = await Generator.load(out);
    const actual = await loaded.generate(PROMPTS);
    loaded.dispose();
    expect([...actual.tensors.keys()]).toEqual([...expected.tensors.keys()]);
    for (const [key, { data }] of expected.tensors) expect(actual.tensors.get(key)!.data).toEqual(data);
  },
);

test('padding that a decoder-only encoder cannot encode is refused', async () => {
  const encoder = await writeGolden('golden/causal_llama.safetensors', { vocab_size: 48 });
  const features = [[4, 8, 32], [6, 6, 12], TINY_TOKENS] as const;
  await expect(createTiny({ encoder, features, padding: 'encode' })).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('decoder-only'),
  });
});

test('so is the pooling to its first token', async () => {
  const encoder = await writeGolden('golden/causal_llama.safetensors', { vocab_size: 48 });
  const features = [[4, 1, 32], [6, 6, 12], TINY_TOKENS] as const;
  await expect(createTiny({ encoder, features, pooling: 'cls', padding: 'zero' })).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('set the pooling to mean or none'),
  });
  const made = await createTiny({ encoder, features, pooling: 'mean' });
  expect(made.manifest.condition.pooling).toBe('mean');
  made.dispose();
});
