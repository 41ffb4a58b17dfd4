import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { elementCount, type FloatDtype, fromFloat32, toFloat32 } from '../../src/formats/dtypes.js';
import {
  SafetensorsFile,
  type TensorSource,
  writeSafetensors,
  writeSafetensorsSharded,
} from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import type { LoadOptions } from '../../src/generator/load-options.js';
import { SPELLING_TOKENIZER, smallBertTensors, tensor, writeModel } from '../encoder/models.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { digestOf } from './bytes.js';
import { createTiny, PROMPTS, TINY_TOKENS } from './tiny.js';

const temporary = useTemporaryFolder();

/** Of the small BERT that `writeModel` writes. */
const BERT_CHANNELS = 24;

/** A saved tiny generator, and what it makes of PROMPTS. */
async function saved(folder: string, changes?: Parameters<typeof createTiny>[0]): Promise<string> {
  const generator = await createTiny({ seed: 7, ...changes });
  await generator.save(folder);
  const digest = digestOf(await generator.generate(PROMPTS));
  generator.dispose();
  return digest;
}

async function digestLoaded(folder: string, options?: LoadOptions): Promise<string> {
  const generator = await Generator.load(folder, options);
  try {
    return digestOf(await generator.generate(PROMPTS));
  } finally {
    generator.dispose();
  }
}

function failure(code: string, ...sentences: string[]) {
  return expect.objectContaining({
    code,
    message: expect.stringMatching(
      new RegExp(sentences.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')),
    ),
  });
}

/** Rewrites decoder.safetensors with what `change` makes of its tensors. */
async function rewriteDecoder(folder: string, change: (tensors: TensorSource[]) => TensorSource[]): Promise<void> {
  const path = join(folder, 'decoder.safetensors');
  const file = await SafetensorsFile.open(path);
  const tensors = await Promise.all(
    Array.from(file.tensors.values(), async ({ name, dtype, shape }) => {
      const bytes = await file.read(name);
      return { name, dtype, shape, bytes: () => [bytes] };
    }),
  );
  await file.close();
  await writeSafetensors(path, change(tensors));
}

function converted(tensor: TensorSource, dtype: FloatDtype): TensorSource {
  const [bytes] = [...(tensor.bytes() as Iterable<Uint8Array<ArrayBuffer>>)];
  return { ...tensor, dtype, bytes: () => [fromFloat32(toFloat32(bytes!, 'F32'), dtype)] };
}

test('a saved generator makes the same adapters when it is loaded, and saves the same folder', async () => {
  const [first, second] = [join(temporary(), 'first'), join(temporary(), 'second')];
  const digest = await saved(first);
  expect((await readdir(first)).sort()).toEqual(['decoder.safetensors', 'generator.json']);
  const generator = await Generator.load(first, { threads: 3 });
  expect(digestOf(await generator.generate(PROMPTS))).toBe(digest);
  await generator.save(second);
  generator.dispose();
  for (const name of await readdir(first))
    expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)));
});

test('loading and saving report progress up to 1', async () => {
  const folder = join(temporary(), 'generator');
  const seen: [number, string][] = [];
  const onProgress = (fraction: number, stage: string) => seen.push([fraction, stage]);
  const generator = await createTiny({ onProgress });
  await generator.save(folder, { onProgress });
  generator.dispose();
  (await Generator.load(folder, { onProgress })).dispose();
  for (const stage of ['initialise', 'save', 'load']) expect(seen).toContainEqual([1, stage]);
});

describe('decoder.safetensors', () => {
  test('of a training checkpoint, with names that start with model., and token importance beside them', async () => {
    const folder = join(temporary(), 'generator');
    const digest = await saved(folder);
    const importance: TensorSource = {
      name: 'criterion_weight',
      dtype: 'F32',
      shape: [1],
      bytes: () => [new Uint8Array(4)],
    };
    await rewriteDecoder(folder, (tensors) => [
      importance,
      ...tensors.map((tensor) => ({ ...tensor, name: `model.${tensor.name}` })),
    ]);
    expect(await digestLoaded(folder)).toBe(digest);
  });

  test('in double precision gives the same adapters', async () => {
    const folder = join(temporary(), 'generator');
    const digest = await saved(folder);
    await rewriteDecoder(folder, (tensors) => tensors.map((tensor) => converted(tensor, 'F64')));
    expect(await digestLoaded(folder)).toBe(digest);
  });

  test.each(['BF16', 'F16'] as const)('in %s is read, too', async (dtype) => {
    const folder = join(temporary(), 'generator');
    const digest = await saved(folder);
    await rewriteDecoder(folder, (tensors) => tensors.map((tensor) => converted(tensor, dtype)));
    expect(await digestLoaded(folder)).not.toBe(digest);
  });

  test('in several files', async () => {
    const folder = join(temporary(), 'generator');
    const digest = await saved(folder);
    const file = await SafetensorsFile.open(join(folder, 'decoder.safetensors'));
    const sources = Array.from(file.tensors.values(), ({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
      bytes: async function* () {
        yield await file.read(name);
      },
    }));
    await rm(join(folder, 'decoder.safetensors'));
    await writeSafetensorsSharded(folder, 'decoder', sources, { maxShardBytes: 20_000 });
    await file.close();
    expect((await readdir(folder)).length).toBeGreaterThan(3);
    expect(await digestLoaded(folder)).toBe(digest);
  });
});

describe('loading refuses', () => {
  let folder: string;

  beforeEach(async () => {
    folder = join(temporary(), 'generator');
    await saved(folder);
  });

  const decoder = () => join(folder, 'decoder.safetensors');

  test('a folder that is not there', async () => {
    await expect(Generator.load(join(folder, 'nowhere'))).rejects.toEqual(failure('FILE_NOT_FOUND', 'nowhere'));
  });

  test('a folder without a decoder', async () => {
    await rm(decoder());
    await expect(Generator.load(folder)).rejects.toEqual(failure('FILE_NOT_FOUND', 'decoder'));
  });

  test('a decoder that ends too early', async () => {
    const bytes = await readFile(decoder());
    await writeFile(decoder(), bytes.subarray(0, bytes.length - 4));
    await expect(Generator.load(folder)).rejects.toEqual(failure('CORRUPT_FILE', 'decoder.safetensors'));
  });

  test('a generator.json that is no JSON', async () => {
    await writeFile(join(folder, 'generator.json'), '{"formatVersion": 1,');
    await expect(Generator.load(folder)).rejects.toEqual(failure('CORRUPT_FILE', 'generator.json'));
  });

  test('a newer format', async () => {
    await writeFile(join(folder, 'generator.json'), '{"formatVersion": 6}');
    await expect(Generator.load(folder)).rejects.toEqual(
      failure('NEWER_FORMAT', 'generator format 6', 'update dnd-lora'),
    );
  });

  test('a decoder that lacks a parameter', async () => {
    await rewriteDecoder(folder, ([, ...rest]) => rest);
    await expect(Generator.load(folder)).rejects.toEqual(
      failure('SHAPE_MISMATCH', 'decoder.safetensors lacks', 'decoder.module_list.'),
    );
  });

  test('a decoder with a parameter too many', async () => {
    const stray: TensorSource = { name: 'decoder.stray', dtype: 'F32', shape: [1], bytes: () => [new Uint8Array(4)] };
    await rewriteDecoder(folder, (tensors) => [...tensors, stray]);
    await expect(Generator.load(folder)).rejects.toEqual(failure('SHAPE_MISMATCH', 'decoder.stray'));
  });

  test('a parameter of another shape, and says both', async () => {
    await rewriteDecoder(folder, (tensors) =>
      tensors.map((tensor) => (tensor.name.endsWith('0.linear1.norm.weight') ? { ...tensor, shape: [16, 8] } : tensor)),
    );
    await expect(Generator.load(folder)).rejects.toEqual(
      failure(
        'SHAPE_MISMATCH',
        '0.linear1.norm.weight has the wrong shape',
        'expected [8, 16] by generator.json, got [16, 8]',
      ),
    );
  });

  test('a parameter of whole numbers', async () => {
    await rewriteDecoder(folder, ([first, ...rest]) => [{ ...first!, dtype: 'I32' }, ...rest]);
    await expect(Generator.load(folder)).rejects.toEqual(failure('UNSUPPORTED_FORMAT', 'I32'));
  });

  test('a parameter that is not a number, and says where', async () => {
    await rewriteDecoder(folder, (tensors) =>
      tensors.map((tensor) => {
        if (!tensor.name.endsWith('1.linear2.weight')) return tensor;
        const [bytes] = [...(tensor.bytes() as Iterable<Uint8Array<ArrayBuffer>>)];
        new Float32Array(bytes!.buffer)[4] = Number.NaN;
        return tensor;
      }),
    );
    await expect(Generator.load(folder)).rejects.toEqual(
      failure('INVALID_WEIGHTS', 'decoder.module_list.1.linear2.weight holds NaN at [0, 0, 1, 1]'),
    );
  });

  test('an encoder of its own choice when the generator has the built-in one', async () => {
    const bert = await writeModel(join(temporary(), 'bert'));
    await expect(Generator.load(folder, { encoder: bert })).rejects.toEqual(
      failure('ENCODER_MISMATCH', 'hash', 'bert'),
    );
  });

  test('to go on once it is aborted, and leaves nothing open', async () => {
    const reason = new Error('enough');
    await expect(Generator.load(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(Generator.load(folder, { signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  test('what needs more memory than is allowed, before it reads the parameters', async () => {
    const onProgress = jest.fn();
    await expect(Generator.load(folder, { memoryLimitBytes: 50_000, onProgress })).rejects.toEqual(
      failure('OUT_OF_MEMORY', '(0 bytes of parameters', 'for one prompt set): needs', '50.0 kB'),
    );
    // Only what is mapped takes no memory.
    const short = join(temporary(), 'short');
    using generator = await Generator.load(folder);
    await generator.save(short, { dtype: 'bf16' });
    await expect(Generator.load(short, { memoryLimitBytes: 100_000, onProgress })).rejects.toEqual(
      failure('OUT_OF_MEMORY', '(3.10 kB of parameters', 'for one prompt set): needs', '100 kB'),
    );
    expect(onProgress).not.toHaveBeenCalled();
  });
});

describe('parameters so large that numbers overflow', () => {
  test('fail with INVALID_WEIGHTS and name the tensor', async () => {
    const folder = join(temporary(), 'generator');
    await saved(folder);
    await rewriteDecoder(folder, (tensors) =>
      tensors.map((tensor) => {
        const [bytes] = [...(tensor.bytes() as Iterable<Uint8Array<ArrayBuffer>>)];
        if (tensor.name.endsWith('linear2.weight')) new Float32Array(bytes!.buffer).fill(1e30);
        return tensor;
      }),
    );
    await expect(digestLoaded(folder)).rejects.toEqual(
      failure('INVALID_WEIGHTS', 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'),
    );
  });
});

test.each(['f16', 'bf16'] as const)(
  'a decoder in %s takes half the bytes and loads as its rounded values',
  async (dtype) => {
    await using generator = await createTiny({ seed: 7 });
    const [full, half] = [join(temporary(), 'full'), join(temporary(), 'half')];
    await generator.save(full);
    await generator.save(half, { dtype });
    const files = await Promise.all([full, half].map((one) => SafetensorsFile.open(join(one, 'decoder.safetensors'))));
    try {
      for (const { name } of files[0]!.tensors.values()) {
        const [values, rounded] = await Promise.all(files.map((file) => file.read(name)));
        const expected = fromFloat32(toFloat32(values!, 'F32'), dtype === 'f16' ? 'F16' : 'BF16');
        expect(Buffer.compare(rounded!, expected)).toBe(0);
      }
    } finally {
      for (const file of files) await file.close();
    }
    const adapters = await Promise.all([generator, await Generator.load(half)].map((one) => one.generate(PROMPTS)));
    const [one, other] = adapters.map(({ report }) => report.adapter.norm);
    expect(Math.abs(other! / one! - 1)).toBeLessThan(0.01);
    await expect(generator.save(join(temporary(), 'q'), { dtype: 'q8_0' as 'f16' })).rejects.toEqual(
      failure('INVALID_ARGUMENT', '"q8_0"', 'f32, f16, bf16'),
    );
  },
);

describe('a text encoder with weights', () => {
  const features = [[4, 8, BERT_CHANNELS], [6, 6, 12], TINY_TOKENS] as const;

  test('is copied into the generator, named, and found there again', async () => {
    const [bert, folder] = [await writeModel(join(temporary(), 'my-encoder')), join(temporary(), 'generator')];
    await writeFile(join(bert, 'pytorch_model.bin'), 'not needed');
    const digest = await saved(folder, { encoder: bert, features });
    expect((await readdir(join(folder, 'encoder'))).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    await rm(bert, { recursive: true });
    const generator = await Generator.load(folder);
    expect(generator.manifest.encoder).toMatchObject({
      type: 'bert',
      name: 'my-encoder',
      channels: BERT_CHANNELS,
    });
    expect(generator.manifest.encoder.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
    const adapter = await generator.generate(PROMPTS);
    expect(digestOf(adapter)).toBe(digest);
    expect(adapter.report.prompts.truncated).toEqual([0, 1, 2, 3]);
    expect(adapter.report.generator.encoder).toMatch(/^my-encoder \(bert, 24 channels, weights [0-9a-f]{12}…\)$/);
    await generator.save(join(temporary(), 'copy'));
    generator.dispose();
    expect(await digestLoaded(join(temporary(), 'copy'))).toBe(digest);
  });

  test('one that is stored without its encoder asks for it by name', async () => {
    const [bert, folder] = [await writeModel(join(temporary(), 'my-encoder')), join(temporary(), 'generator')];
    const digest = await saved(folder, { encoder: bert, features });
    await rm(join(folder, 'encoder'), { recursive: true });
    await expect(Generator.load(folder)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/is stored without its text encoder, my-encoder: .*--encoder/),
    });
    expect(await digestLoaded(folder, { encoder: bert })).toBe(digest);
  });

  test('may be elsewhere, if it is the same one', async () => {
    const [bert, folder] = [await writeModel(join(temporary(), 'bert')), join(temporary(), 'generator')];
    const digest = await saved(folder, { encoder: bert, features });
    await cp(bert, join(temporary(), 'renamed'), { recursive: true });
    await rm(join(folder, 'encoder'), { recursive: true });
    await expect(Generator.load(folder)).rejects.toEqual(failure('FILE_NOT_FOUND', 'encoder'));
    expect(await digestLoaded(folder, { encoder: join(temporary(), 'renamed') })).toBe(digest);
  });

  test('is refused when its weights are others, and both are named', async () => {
    const [bert, folder] = [await writeModel(join(temporary(), 'bert')), join(temporary(), 'generator')];
    await saved(folder, { encoder: bert, features });
    const [first, ...others] = await smallBertTensors();
    const retrained = tensor(first!.name, [...first!.shape], new Float32Array(elementCount(first!.shape)).fill(0.5));
    await writeModel(join(folder, 'encoder'), {}, [retrained, ...others]);
    const message = 'the generator was made with bert (bert, 24 channels, weights';
    await expect(Generator.load(folder)).rejects.toEqual(
      failure('ENCODER_MISMATCH', message, 'encoder (bert, 24 channels, weights'),
    );
    await expect(Generator.load(folder, { encoder: 'hash' })).rejects.toEqual(
      failure('ENCODER_MISMATCH', message, 'built-in'),
    );
  });

  test('is refused when its tokeniser is another', async () => {
    const [bert, folder] = [await writeModel(join(temporary(), 'bert')), join(temporary(), 'generator')];
    await saved(folder, { encoder: bert, features });
    const cased = { ...SPELLING_TOKENIZER, normalizer: { ...SPELLING_TOKENIZER.normalizer, lowercase: false } };
    await writeModel(join(folder, 'encoder'), { 'tokenizer.json': cased });
    await expect(Generator.load(folder)).rejects.toEqual(failure('ENCODER_MISMATCH'));
  });

  test('is refused when its channels are not those of the features', async () => {
    const bert = await writeModel(join(temporary(), 'bert'));
    await expect(createTiny({ encoder: bert })).rejects.toEqual(
      failure('SHAPE_MISMATCH', 'the text encoder has 24 channels', '(4, 8, 16) requires 16'),
    );
  });

  test('takes prompts longer than its positions only in whole windows', async () => {
    const bert = await writeModel(join(temporary(), 'bert'));
    await expect(createTiny({ encoder: bert, features, maxLength: 50 })).rejects.toEqual(
      failure('INVALID_ARGUMENT', '50', 'multiple of 32'),
    );
    const generator = await createTiny({ encoder: bert, features, maxLength: 64 });
    const { report } = await generator.generate(PROMPTS);
    generator.dispose();
    expect(report.prompts.truncated).toEqual([]);
  });
});

describe('saving refuses', () => {
  test('to replace what is there, unless it is a generator and force is given', async () => {
    const folder = join(temporary(), 'generator');
    await saved(folder);
    const other = await createTiny({ seed: 8 });
    await expect(other.save(folder)).rejects.toEqual(failure('OUTPUT_EXISTS', folder, 'force'));
    await other.save(folder, { force: true });
    expect(await digestLoaded(folder)).toBe(digestOf(await other.generate(PROMPTS)));
    const mine = join(temporary(), 'mine');
    await mkdir(mine);
    await copyFile(join(folder, 'generator.json'), join(mine, 'notes.json'));
    await expect(other.save(mine, { force: true })).rejects.toEqual(failure('OUTPUT_EXISTS', 'generator.json'));
    other.dispose();
    expect(await readdir(mine)).toEqual(['notes.json']);
    expect((await readdir(temporary())).sort()).toEqual(['generator', 'mine']);
  });

  test('to go on once it is aborted, and leaves nothing behind', async () => {
    const generator = await createTiny();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    await expect(generator.save(join(temporary(), 'a/b'), { signal: controller.signal, onProgress })).rejects.toThrow(
      'enough',
    );
    generator.dispose();
    expect(await readdir(temporary())).toEqual([]);
  });
});
