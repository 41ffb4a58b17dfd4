import { MODEL_TYPES, parseEncoderConfig } from '../../src/encoder/index.js';
import { findTensors } from '../../src/encoder/tensor-names.js';
import type { TensorInfo } from '../../src/formats/safetensors/index.js';

const SIZES: Record<string, object> = {
  bert: { hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 52 },
  distilbert: { dim: 24, n_layers: 2, n_heads: 4, hidden_dim: 52 },
  t5: { d_model: 24, d_ff: 52, num_layers: 2, num_heads: 4 },
};
for (const type of ['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'modernbert']) SIZES[type] = SIZES.bert!;
for (const type of ['mt5', 'umt5']) SIZES[type] = SIZES.t5!;

const parse = (type: string, changes: object = {}) =>
  parseEncoderConfig({ model_type: type, vocab_size: 60, ...SIZES[type], ...changes }, '/model/config.json');

const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

test.each(MODEL_TYPES)('a %s has its sizes, whatever their names', (type) => {
  const { modelType, hiddenSize, layers, heads, intermediateSize } = parse(type);
  expect({ modelType, hiddenSize, layers, heads, intermediateSize }).toEqual({
    modelType: type,
    hiddenSize: 24,
    layers: 2,
    heads: 4,
    intermediateSize: 52,
  });
});

test.each([
  ['roberta', { max_position_embeddings: 514 }, 512, 1],
  ['xlm-roberta', { max_position_embeddings: 514, pad_token_id: 3 }, 510, 3],
  ['mpnet', { max_position_embeddings: 514, pad_token_id: 7 }, 512, 1],
])('%s counts positions from after the padding id: %j has %d', (type, changes, positions, paddingId) => {
  const { maxPositions, architecture } = parse(type, changes);
  expect(maxPositions).toBe(positions);
  expect(architecture!.paddingId).toBe(paddingId);
});

test('a table of positions that the padding id uses up is refused', () => {
  expect(() => parse('roberta', { max_position_embeddings: 2 })).toThrow(
    refusal('UNSUPPORTED_ENCODER', 'max_position_embeddings 2'),
  );
});

test.each([
  ['relu', false, 'relu'],
  ['gelu', false, 'gelu'],
  ['gated-gelu', true, 'gelu_tanh'],
  ['gated-relu', true, 'relu'],
])('the feed-forward %s of T5 is gated: %j, with %s', (proj, gated, activation) => {
  const config = parse('t5', { feed_forward_proj: proj });
  expect(config.architecture!.gated).toBe(gated);
  expect(config.activation).toBe(activation);
});

test('ModernBERT alternates between global and local attention, each with its rotary base', () => {
  const { architecture } = parse('modernbert', { num_hidden_layers: 4, local_attention: 10, local_rope_theta: 500 });
  expect(architecture!.windows).toEqual([0, 5, 5, 0]);
  expect(architecture!.rotaryThetas).toEqual([160_000, 500, 500, 160_000]);
});

test.each(MODEL_TYPES)('a %s needs the sizes that docs/prompts-and-encoders.md names', (type) => {
  for (const name of ['vocab_size', ...Object.keys(SIZES[type]!)])
    expect(() => parse(type, { [name]: undefined })).toThrow(refusal('CORRUPT_FILE', `${name}: is missing`));
});

test('ModernBERT as transformers 5 writes it', () => {
  const rope = { full_attention: { rope_type: 'default', rope_theta: 70 }, sliding_attention: { rope_theta: 9 } };
  const types = ['sliding_attention', 'full_attention'];
  const { architecture } = parse('modernbert', { layer_types: types, rope_parameters: rope });
  expect(architecture!.windows).toEqual([64, 0]);
  expect(architecture!.rotaryThetas).toEqual([9, 70]);
  const one = parse('modernbert', { layer_types: types, rope_parameters: { full_attention: { rope_theta: 70 } } });
  expect(one.architecture!.rotaryThetas).toEqual([10_000, 70]);
});

test.each([
  ['t5', { feed_forward_proj: 'gated-silu' }, 'UNSUPPORTED_ENCODER', 'feed_forward_proj "silu"'],
  ['t5', { feed_forward_proj: 3 }, 'UNSUPPORTED_ENCODER', 'feed_forward_proj 3'],
  ['t5', { d_kv: 0 }, 'CORRUPT_FILE', 'd_kv'],
  ['mpnet', { relative_attention_num_buckets: 16 }, 'UNSUPPORTED_ENCODER', 'relative_attention_num_buckets 16'],
  ['roberta', { is_decoder: true }, 'UNSUPPORTED_ENCODER', 'is_decoder'],
  ['distilbert', { n_heads: 5 }, 'CORRUPT_FILE', 'dim 24 is not a multiple of n_heads 5'],
  ['modernbert', { layer_types: ['full_attention', 'linear'] }, 'UNSUPPORTED_ENCODER', 'layers of type "linear"'],
  ['modernbert', { layer_types: ['full_attention'] }, 'CORRUPT_FILE', 'layer_types'],
  ['modernbert', { rope_scaling: { factor: 2 } }, 'UNSUPPORTED_ENCODER', 'rope_scaling'],
  ['modernbert', { rope_parameters: { full_attention: { rope_type: 'yarn' } } }, 'UNSUPPORTED_ENCODER', '"yarn"'],
  ['modernbert', { rope_parameters: { rope_theta: 7 } }, 'UNSUPPORTED_ENCODER', 'rope_parameters.rope_theta'],
  ['modernbert', { rope_parameters: { rope_type: 'yarn', factor: 2 } }, 'UNSUPPORTED_ENCODER', 'each type of layer'],
  ['modernbert', { rope_parameters: { full_attention: 7 } }, 'CORRUPT_FILE', 'rope_parameters.full_attention'],
  ['modernbert', { rope_parameters: 7 }, 'CORRUPT_FILE', 'rope_parameters'],
])('a %s with %j is refused', (type, changes, code, message) => {
  expect(() => parse(type, changes)).toThrow(refusal(code, message));
  expect(() => parse(type, changes)).toThrow('/model/config.json');
});

describe('tensors', () => {
  const reader = (names: string[]) => ({
    path: 'model.safetensors',
    tensors: new Map(names.map((name) => [name, {} as TensorInfo])),
  });
  const words = 'embeddings.word_embeddings.weight';

  test.each(['', 'bert.', 'auto_model.', 'model.', '0.auto_model.', 'module.roberta.'])(
    'are found inside of %j',
    (prefix) => {
      const place = { tensor: `${prefix}${words}`, part: 0, parts: 1 };
      expect(findTensors([words], reader([place.tensor]))).toEqual(new Map([[words, place]]));
    },
  );

  test('are not taken from another model beside', () => {
    const other = 'decoder.embeddings.word_embeddings.weight';
    expect(() => findTensors([words], reader([other]))).toThrow(refusal('INVALID_WEIGHTS', words));
    const own = findTensors([words], reader([other, `bert.${words}`]));
    expect(own.get(words)!.tensor).toBe(`bert.${words}`);
  });

  test('that are stacked in one are parts of it', () => {
    const { tensors } = parse('modernbert');
    const name = 'encoder.layer.1.attention.self.value.weight';
    const file = reader(['model.embeddings.tok_embeddings.weight', 'model.layers.1.attn.Wqkv.weight']);
    expect(findTensors([name], file, tensors).get(name)).toEqual({
      tensor: 'model.layers.1.attn.Wqkv.weight',
      part: 2,
      parts: 3,
    });
  });
});
