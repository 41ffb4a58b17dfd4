import { join } from 'node:path';
import { loadEncoderWeights } from '../../src/encoder/encoder-weights.js';
import { ModelEncoder, parseEncoderConfig } from '../../src/encoder/index.js';
import { EncoderEngine } from '../../src/engine/index.js';
import { fromFloat32, toFloat32 } from '../../src/formats/dtypes.js';
import { SafetensorsFile, type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { readGolden, relativeError } from './golden.js';
import { SMALL_BERT, smallBertConfig, smallBertTensors, tensor } from './models.js';

const folder = useTemporaryFolder();

async function withWeights<T>(tensors: TensorSource[], use: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  const path = join(folder(), 'model.safetensors');
  await writeSafetensors(path, tensors);
  const file = await SafetensorsFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Hidden states of the golden prompts with the small BERT's weights as changed. */
async function hiddenStates(tensors: TensorSource[]): Promise<Float32Array> {
  const { tensors: golden } = await readGolden(SMALL_BERT);
  const ids = golden.get('input_ids')!;
  const [prompts, length] = ids.shape as [number, number];
  return withWeights(tensors, async (file) => {
    const bert = await ModelEncoder.create(await smallBertConfig(), file);
    const mask = golden.get('attention_mask')!.data as Int32Array;
    const request = { ids: ids.data as Int32Array, mask, prompts, length, padding: 'encode', pooling: 'none' } as const;
    const result = await bert.encodeIds(request);
    bert.dispose();
    return result;
  });
}

async function goldenHiddenStates(): Promise<ArrayLike<number>> {
  return (await readGolden(SMALL_BERT)).tensors.get('hidden_states')!.data;
}

test.each([
  ['encoder_bert', 'hidden_states', 'none'],
  ['encoder_bert', 'pooled_mean', 'mean'],
  ['encoder_bert', 'pooled_cls', 'cls'],
  ['encoder_bert_gelu_new', 'hidden_states', 'none'],
  ['encoder_bert_gelu_new', 'pooled_mean', 'mean'],
  ['encoder_bert_gelu_new', 'pooled_cls', 'cls'],
  ['encoder_bert_windows', 'hidden_states', 'none'],
  ['encoder_roberta', 'hidden_states', 'none'],
  ['encoder_roberta', 'pooled_mean', 'mean'],
  ['encoder_mpnet', 'hidden_states', 'none'],
  ['encoder_mpnet', 'pooled_mean', 'mean'],
  ['encoder_distilbert', 'hidden_states', 'none'],
  ['encoder_t5', 'hidden_states', 'none'],
  ['encoder_t5_gated', 'hidden_states', 'none'],
  ['encoder_modernbert', 'hidden_states', 'none'],
  ['encoder_modernbert', 'pooled_mean', 'mean'],
  ['encoder_modernbert', 'pooled_cls', 'cls'],
] as const)('%s gives the golden %s', async (name, expected, pooling) => {
  const { settings, tensors } = await readGolden(`${name}.safetensors`);
  const file = await SafetensorsFile.open(join(__dirname, '..', 'fixtures', 'encoder', `${name}.safetensors`));
  const bert = await ModelEncoder.create(JSON.parse(settings.config!), file);
  await file.close();
  const ids = tensors.get('input_ids')!;
  const [prompts, length] = ids.shape as [number, number];
  const mask = tensors.get('attention_mask')!.data as Int32Array;
  const request = { ids: ids.data as Int32Array, mask, prompts, length, padding: 'encode', pooling } as const;
  const ours = await bert.encodeIds(request);
  bert.dispose();
  expect(relativeError(ours, tensors.get(expected)!.data)).toBeLessThan(1e-5);
});

describe('weights', () => {
  test('may have bert. before their names, and a head beside them', async () => {
    const head = ['bert.pooler.dense.weight', 'cls.predictions.bias', 'embeddings.position_ids'];
    const tensors = [
      ...(await smallBertTensors()).map((source) => ({ ...source, name: `bert.${source.name}` })),
      ...head.map((name) => tensor(name, [2], new Float32Array([Number.NaN, 1]))),
    ];
    expect(relativeError(await hiddenStates(tensors), await goldenHiddenStates())).toBeLessThan(1e-5);
  });

  test('may call the parameters of layer norms gamma and beta', async () => {
    const tensors = (await smallBertTensors()).map((source) => ({
      ...source,
      name: source.name
        .replace(/^/, 'bert.')
        .replace('LayerNorm.weight', 'LayerNorm.gamma')
        .replace('LayerNorm.bias', 'LayerNorm.beta'),
    }));
    expect(relativeError(await hiddenStates(tensors), await goldenHiddenStates())).toBeLessThan(1e-5);
  });

  test.each([
    ['F64', 1e-5],
    ['F16', 1e-2],
    ['BF16', 1e-1],
  ] as const)('may be %s', async (dtype, tolerance) => {
    const tensors = (await smallBertTensors()).map((source): TensorSource => {
      const [bytes] = source.bytes() as [Uint8Array];
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      return { ...source, dtype, bytes: () => [fromFloat32(values, dtype)] };
    });
    expect(relativeError(await hiddenStates(tensors), await goldenHiddenStates())).toBeLessThan(tolerance);
  });

  test.each(['F16', 'BF16'] as const)('in %s give the bytes of the same values in float32', async (dtype) => {
    const rounded = (await smallBertTensors()).map((source) => {
      const [bytes] = source.bytes() as [Uint8Array];
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      return { ...source, halves: fromFloat32(values, dtype) };
    });
    const half = rounded.map((source): TensorSource => ({ ...source, dtype, bytes: () => [source.halves] }));
    const whole = rounded.map((source): TensorSource => {
      const values = toFloat32(source.halves, dtype);
      return { ...source, dtype: 'F32', bytes: () => [new Uint8Array(values.buffer)] };
    });
    expect(await hiddenStates(half)).toEqual(await hiddenStates(whole));
  });

  test('in half precision are in no memory of their own, but for norms, biases and what is stacked', async () => {
    const tensors = (await smallBertTensors()).map((source): TensorSource => {
      const [bytes] = source.bytes() as [Uint8Array];
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      return { ...source, dtype: 'BF16', bytes: () => [fromFloat32(values, 'BF16')] };
    });
    const { modelType: _, padTokenId: __, ...sizes } = parseEncoderConfig(await smallBertConfig(), 'config.json');
    const engine = await EncoderEngine.create({ ...sizes, mapped: true });
    try {
      await withWeights(tensors, (file) => loadEncoderWeights(engine, file));
      const mapped =
        /(word_embeddings|attention\.output\.dense|intermediate\.dense|layer\.\d+\.output\.dense)\.weight$/;
      const own = engine.parameters.filter(({ name }) => !mapped.test(name));
      expect(own.length).toBeLessThan(engine.parameters.length);
      const elements = own.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size), 0);
      expect(engine.parameterBytes).toBe(4 * elements);
    } finally {
      engine.dispose();
    }
  });

  const wordEmbeddings = 'embeddings.word_embeddings.weight';

  test('that are missing are named', async () => {
    const tensors = (await smallBertTensors()).filter(({ name }) => !name.includes('layer.1.attention.output'));
    await expect(hiddenStates(tensors)).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringMatching(
        /model\.safetensors lacks .*encoder\.layer\.1\.attention\.output\.dense\.weight.* and 1 more/,
      ),
    });
  });

  test.each([
    ['of another size', [61, 24]],
    ['of another rank', [60 * 24]],
    ['transposed', [24, 60]],
  ])('%s are named, with both shapes', async (_, shape) => {
    const size = shape.reduce((product, n) => product * n);
    const tensors = (await smallBertTensors()).map((source) =>
      source.name === wordEmbeddings ? tensor(source.name, shape, new Float32Array(size)) : source,
    );
    await expect(hiddenStates(tensors)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringContaining(
        `${wordEmbeddings} has the wrong shape; expected [60, 24] by config.json, got [${shape.join(', ')}]`,
      ),
    });
  });

  test('that are integers are named', async () => {
    const tensors = (await smallBertTensors()).map(
      (source): TensorSource =>
        source.name === wordEmbeddings ? { ...source, dtype: 'U8', bytes: () => [new Uint8Array(60 * 24)] } : source,
    );
    await expect(hiddenStates(tensors)).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringContaining(`${wordEmbeddings} has dtype U8`),
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'that are %p are named',
    async (value) => {
      const data = new Float32Array(60 * 24);
      data[3 * 24 + 5] = value;
      const tensors = (await smallBertTensors()).map((source) =>
        source.name === wordEmbeddings ? tensor(source.name, [60, 24], data) : source,
      );
      await expect(hiddenStates(tensors)).rejects.toMatchObject({
        code: 'INVALID_WEIGHTS',
        message: expect.stringMatching(/model\.safetensors.*embeddings\.word_embeddings\.weight.*\[3, 5\]/),
      });
    },
  );
});

describe('config.json', () => {
  const small = {
    model_type: 'bert',
    vocab_size: 60,
    hidden_size: 24,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 52,
  };
  const parse = (changes: object) => parseEncoderConfig({ ...small, ...changes }, '/model/config.json');

  test('may leave out what transformers has defaults for', () => {
    expect(parse({})).toEqual({
      modelType: 'bert',
      vocabSize: 60,
      hiddenSize: 24,
      layers: 3,
      heads: 4,
      intermediateSize: 52,
      maxPositions: 512,
      typeVocabSize: 2,
      layerNormEps: 1e-12,
      activation: 'gelu',
      padTokenId: 0,
    });
  });

  test.each([
    ['gelu', 'gelu'],
    ['gelu_new', 'gelu_tanh'],
    ['gelu_pytorch_tanh', 'gelu_tanh'],
    ['gelu_fast', 'gelu_tanh'],
    ['relu', 'relu'],
  ])('%s is the activation %s', (name, activation) => {
    expect(parse({ hidden_act: name }).activation).toBe(activation);
  });

  test.each([
    ['another model', { model_type: 'deberta-v2' }, 'UNSUPPORTED_ENCODER', 'model_type "deberta-v2"'],
    ['a model of the prototype', { model_type: 'constructor' }, 'UNSUPPORTED_ENCODER', 'model_type "constructor"'],
    ['no model', { model_type: undefined }, 'UNSUPPORTED_ENCODER', 'names no model_type'],
    [
      'another activation',
      { hidden_act: 'silu' },
      'UNSUPPORTED_ENCODER',
      'hidden_act "silu" is not supported; expected one of gelu, gelu_new',
    ],
    ['an activation from the prototype', { hidden_act: 'toString' }, 'UNSUPPORTED_ENCODER', 'toString'],
    ['relative positions', { position_embedding_type: 'relative_key' }, 'UNSUPPORTED_ENCODER', '"relative_key"'],
    ['a decoder', { is_decoder: true }, 'UNSUPPORTED_ENCODER', 'is_decoder is true'],
    ['a missing size', { hidden_size: undefined }, 'CORRUPT_FILE', 'hidden_size: is missing; expected a whole number'],
    ['a fraction', { vocab_size: 1.5 }, 'CORRUPT_FILE', 'vocab_size: is not valid; expected a whole number'],
    [
      'a text for a number',
      { num_hidden_layers: '6' },
      'CORRUPT_FILE',
      'num_hidden_layers: is not valid; expected a whole number',
    ],
    [
      'an absurd size',
      { vocab_size: 1e12 },
      'CORRUPT_FILE',
      'vocab_size: is not valid; expected a whole number from 1 to 16777216',
    ],
    ['absurdly many layers', { num_hidden_layers: 1e6 }, 'CORRUPT_FILE', 'num_hidden_layers'],
    ['heads that do not divide', { num_attention_heads: 5 }, 'CORRUPT_FILE', 'hidden_size 24 is not a multiple'],
    ['no epsilon', { layer_norm_eps: 0 }, 'CORRUPT_FILE', 'layer_norm_eps: is not valid; expected a number above 0'],
  ])('with %s is refused', (_, changes, code, message) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
    expect(() => parse(changes)).toThrow('/model/config.json');
  });

  test.each([null, [], 'bert', 7])('that is %j is refused', (json) => {
    expect(() => parseEncoderConfig(json, 'config.json')).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE' }));
  });
});
