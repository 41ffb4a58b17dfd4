import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConvertCheckpointOptions, convertCheckpoint } from '../../src/conversion/checkpoint.js';
import { checkpointParameters } from '../../src/conversion/checkpoint-parameters.js';
import { PytorchArchive } from '../../src/formats/pytorch/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import { type Tensor, writeCheckpoint } from '../formats/write-pytorch.js';
import { createTiny, PROMPTS, TINY_BASE, TINY_SETTINGS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { floats, publishedTensors } from './published-tensors.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);

const OPTIONS: ConvertCheckpointOptions = { base: TINY_BASE, encoder: 'hash', rank: TINY_SETTINGS.rank };

/** A generator in `original`, and its decoder as a checkpoint of the published code, changed. */
async function makeCheckpoint(
  change: (tensors: Record<string, Tensor>) => Record<string, Tensor> = (tensors) => tensors,
  settings: Parameters<typeof createTiny>[0] = {},
): Promise<string> {
  const generator = await createTiny({ seed: 5, ...settings });
  await generator.save(at('original'), { force: true });
  generator.dispose();
  const tensors = await publishedTensors(join(at('original'), 'decoder'));
  const importance = floats([1, TINY_SETTINGS.features[2][0], 1, 1], new Array(TINY_SETTINGS.features[2][0]).fill(1));
  await writeCheckpoint(at('checkpoint.pth'), change({ ...tensors, criterion_weight: importance }));
  return at('checkpoint.pth');
}

const renamed = (rename: (name: string) => string) => (tensors: Record<string, Tensor>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]));

async function converted(changes: Partial<ConvertCheckpointOptions> = {}): Promise<string> {
  await convertCheckpoint(at('checkpoint.pth'), at('converted'), { ...OPTIONS, ...changes });
  return at('converted');
}

const decoderOf = (name: string) => readFile(join(at(name), 'decoder.safetensors'));

test('a checkpoint becomes the generator that it was saved from', async () => {
  await makeCheckpoint();
  const { manifest, notices } = await convertCheckpoint(at('checkpoint.pth'), at('converted'), OPTIONS);
  expect(notices).toEqual([]);
  expect(await decoderOf('converted')).toEqual(await decoderOf('original'));
  expect(manifest).toMatchObject({ training: { trained: true }, decoder: { features: TINY_SETTINGS.features } });
  const [one, other] = [await Generator.load(at('original')), await Generator.load(at('converted'))];
  const [expected, generated] = [await one.generate(PROMPTS), await other.generate(PROMPTS)];
  for (const [name, { data }] of expected.tensors) expect(generated.tensors.get(name)!.data).toEqual(data);
  expect(other.manifest).toEqual({ ...one.manifest, training: { ...one.manifest.training, trained: true, seed: 0 } });
  one.dispose();
  other.dispose();
});

test('a length projection, which the published code saves beside the decoder; its length is that of the tensors', async () => {
  await makeCheckpoint(undefined, { maxLength: 20 });
  await converted();
  expect(await decoderOf('converted')).toEqual(await decoderOf('original'));
  const generator = await Generator.load(at('converted'));
  expect(generator.manifest).toMatchObject({ condition: { maxLength: 20 }, decoder: { projectedFrom: 20 } });
  generator.dispose();
});

test.each([
  ['of torch.compile', (name: string) => `_orig_mod.${name}`],
  ['of data parallelism', (name: string) => `module.${name}`],
  ['of a compiled part', (name: string) => name.replace(/^model\./, 'model._orig_mod.')],
  ['of older FSDP', (name: string) => `_fpw_module.${name}`],
  ['of Lightning', (name: string) => `_forward_module.${name}`],
  ['of a whole training state', (name: string) => `state_dict.${name}`],
  ['of a bare decoder', (name: string) => name.replace(/^model\./, '')],
])('names %s', async (_, rename) => {
  await makeCheckpoint(renamed(rename), { maxLength: 20 });
  await converted();
  expect(await decoderOf('converted')).toEqual(await decoderOf('original'));
});

test('the text encoder in a checkpoint is skipped: it is loaded from its own folder', async () => {
  await makeCheckpoint((tensors) => ({ ...tensors, 'condition_module.embeddings.weight': floats([1], [1]) }));
  await converted();
  expect(await decoderOf('converted')).toEqual(await decoderOf('original'));
});

test('bfloat16 weights become float32', async () => {
  const name = 'decoder.module_list.0.linear2.bias';
  let high = new Uint8Array();
  await makeCheckpoint((tensors) => {
    const tensor = tensors[`model.${name}`]!;
    high = tensor.bytes.filter((_, index) => index % 4 >= 2);
    return { ...tensors, [`model.${name}`]: { ...tensor, dtype: 'BF16', bytes: high } };
  });
  const file = await SafetensorsFile.open(join(await converted(), 'decoder.safetensors'));
  const bytes = await file.read(name);
  await file.close();
  expect(bytes.filter((_, index) => index % 4 >= 2)).toEqual(high);
  expect(bytes.filter((_, index) => index % 4 < 2)).toEqual(new Uint8Array(high.length));
});

test('the dtype is that of all parameters of the decoder', async () => {
  await makeCheckpoint();
  const file = await SafetensorsFile.open(join(await converted({ dtype: 'bf16' }), 'decoder.safetensors'));
  expect(new Set(Array.from(file.tensors.values(), ({ dtype }) => dtype))).toEqual(new Set(['BF16']));
  await file.close();
});

describe('refused, with nothing left behind:', () => {
  async function refused(
    change: (tensors: Record<string, Tensor>) => Record<string, Tensor>,
    message: string,
    options: Partial<ConvertCheckpointOptions> = {},
  ): Promise<void> {
    await makeCheckpoint(change);
    const failure = converted(options);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ name: 'DndError' });
    expect((await readdir(folder())).sort()).toEqual(['checkpoint.pth', 'original']);
  }
  const without = (name: string) => (tensors: Record<string, Tensor>) =>
    Object.fromEntries(Object.entries(tensors).filter(([key]) => key !== name));

  test('a tensor that no decoder has', async () => {
    const more = floats([2], [1, 2]);
    await refused(
      (tensors) => ({ ...tensors, 'model.decoder.module_list.0.linear1.conv1w.bias': more }),
      'conv1w.bias',
    );
    await refused((tensors) => ({ ...tensors, 'model.decoder.module_list.7.linear2.bias': more }), 'module_list.7');
  });

  test('a parameter that is missing, of another shape, or not a float', async () => {
    const name = 'model.decoder.module_list.1.linear2.bias';
    await refused(without(name), 'lacks the decoder');
    await refused((tensors) => ({ ...tensors, [name]: floats([2], [1, 2]) }), 'does not fit the others');
    const whole = (tensor: Tensor): Tensor => ({
      ...tensor,
      dtype: 'I64',
      bytes: new Uint8Array(tensor.bytes.length * 2),
    });
    await refused((tensors) => ({ ...tensors, [name]: whole(tensors[name]!) }), 'is I64, not a float');
  });

  test('no decoder, or two', async () => {
    await refused(() => ({ weight: floats([2], [1, 2]) }), 'it holds no decoder');
    await refused((tensors) => ({ ...tensors, ...renamed((name) => `ema.${name}`)(tensors) }), 'it holds 2 decoders');
  });

  test('NaN and infinity', async () => {
    const name = 'model.decoder.module_list.0.linear1.norm.weight';
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await refused((tensors) => {
        const values = new Float32Array(tensors[name]!.bytes.slice().buffer);
        values[3] = value;
        return { ...tensors, [name]: { ...tensors[name]!, bytes: new Uint8Array(values.buffer) } };
      }, `the value ${value} at element 3`);
    }
  });

  test('another preset, base, rank or encoder', async () => {
    const same = (tensors: Record<string, Tensor>) => tensors;
    await refused(same, 'is not a checkpoint of the preset', { preset: 'qwen2.5-1.5b-math' });
    await refused(same, 'make the last entry of features', { base: { ...TINY_BASE, layers: 3 } });
    await refused(same, 'make the last entry of features', { rank: 4 });
    await refused(same, 'maxLength of 9 gives conditions', { maxLength: 9 });
  });
});

test('an existing folder is refused, or replaced by force', async () => {
  await makeCheckpoint();
  await converted();
  await expect(converted()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await converted({ force: true });
});

test('the golden checkpoint of the published code: the shape of its decoder', async () => {
  const archive = await PytorchArchive.open(join(__dirname, '../fixtures/pytorch/checkpoint.pth'));
  const others = new Set(['half', 'brain', 'strided']);
  const tensors = new Map([...archive.tensors].filter(([name]) => !others.has(name)));
  const { shape, importance } = checkpointParameters({ path: archive.path, tensors });
  expect(shape).toEqual({
    features: [
      [3, 6, 8],
      [4, 5, 6],
    ],
    kernelSize: 3,
    projectedFrom: 0,
  });
  expect(importance?.shape).toEqual([1, 4, 1, 1]);
  await archive.close();
});
