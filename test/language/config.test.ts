import { causalConfigFromJson } from '../../src/language/config';

const LLAMA = {
  model_type: 'llama',
  vocab_size: 48,
  hidden_size: 32,
  intermediate_size: 60,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
};
const QWEN2 = { ...LLAMA, model_type: 'qwen2' };

function read(fields: object = {}, base: object = LLAMA) {
  return causalConfigFromJson({ ...base, ...fields }, 'config.json');
}

describe('the config of a causal language model', () => {
  test('gives the sizes of a Llama, and the defaults of transformers', () => {
    const { sizes, endIds, startId, base } = read();
    expect(sizes).toEqual({
      vocabSize: 48,
      hiddenSize: 32,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headWidth: 8,
      intermediateSize: 60,
      maxPositions: 64,
      rmsNormEps: 1e-5,
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      queryKeyNorm: false,
      tiedHead: false,
      windows: [0, 0, 0],
      inverseFrequencies: [1, 0.1, 0.01, 0.001].map((value) => expect.closeTo(value, 12)),
    });
    expect([endIds, startId]).toEqual([[], null]);
    expect(base.headDim).toBe(8);
  });

  test('reads start and end ids, of which there may be several', () => {
    expect(read({ bos_token_id: 1, eos_token_id: 2 })).toMatchObject({ startId: 1, endIds: [2] });
    expect(read({ eos_token_id: [2, 7] }).endIds).toEqual([2, 7]);
    expect(() => read({ eos_token_id: 'end' })).toThrow(/eos_token_id/);
  });

  test.each([
    ['llama', { attention_bias: true }, [true, true, false]],
    ['llama', { mlp_bias: true }, [false, false, true]],
    ['mistral', {}, [false, false, false]],
    ['qwen2', {}, [true, false, false]],
    ['qwen3', {}, [false, false, false]],
    ['qwen3', { attention_bias: true }, [true, true, false]],
  ])('knows the biases of %s %j', (model_type, fields, [qkvBias, outputBias, mlpBias]) => {
    const { sizes } = read({ model_type, ...fields });
    expect(sizes).toMatchObject({ qkvBias, outputBias, mlpBias, queryKeyNorm: model_type === 'qwen3' });
  });

  test.each([
    ['llama', { sliding_window: 8 }, [0, 0, 0]],
    ['mistral', { sliding_window: 8 }, [8, 8, 8]],
    ['mistral', { sliding_window: null }, [0, 0, 0]],
    ['mistral', {}, [4096, 4096, 4096]],
    ['qwen2', { sliding_window: 8 }, [0, 0, 0]],
    ['qwen2', { sliding_window: 8, use_sliding_window: true }, [0, 0, 0]],
    ['qwen2', { sliding_window: 8, use_sliding_window: true, max_window_layers: 1 }, [0, 8, 8]],
    [
      'qwen3',
      {
        sliding_window: 8,
        use_sliding_window: true,
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'],
      },
      [8, 0, 8],
    ],
    ['qwen3', { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }, [0, 0, 0]],
  ])('gives the windows of %s %j', (model_type, fields, windows) => {
    expect(read({ model_type, ...fields }).sizes.windows).toEqual(windows);
  });

  test('scales rotary positions linearly, in the form of either version of transformers', () => {
    const expected = [0.5, 0.05, 0.005, 0.0005].map((value) => expect.closeTo(value, 12));
    for (const fields of [
      { rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: 2 } },
      { rope_theta: 1e4, rope_scaling: { type: 'linear', factor: 2 } },
    ])
      expect(read(fields).sizes.inverseFrequencies).toEqual(expected);
  });

  test('scales rotary positions as Llama 3 does', () => {
    const llama3 = { factor: 4, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 };
    const frequencies = read({ rope_parameters: { rope_type: 'llama3', rope_theta: 1e4, ...llama3 } });
    // 2.546… turns in 16 positions are between 1 and 4; 0.25 and fewer are below.
    const share = (16 / (2 * Math.PI) - 1) / 3;
    const expected = [(1 - share) / 4 + share, 0.1 / 4, 0.01 / 4, 0.001 / 4];
    expect(frequencies.sizes.inverseFrequencies).toEqual(expected.map((value) => expect.closeTo(value, 12)));
    const high = { ...llama3, high_freq_factor: 2.5 };
    expect(read({ rope_scaling: { rope_type: 'llama3', ...high } }).sizes.inverseFrequencies[0]).toBe(1);
    expect(() => read({ rope_scaling: { rope_type: 'llama3', ...llama3, high_freq_factor: 1 } })).toThrow(
      /high_freq_factor.*above low_freq_factor 1/,
    );
  });

  test.each([
    [{ hidden_act: 'gelu' }, /hidden_act "gelu"/],
    [{ rope_scaling: { type: 'yarn', factor: 2 } }, /"yarn".*default, linear, llama3/],
    [{ rope_parameters: { full_attention: { rope_type: 'default' } } }, /rope_parameters differs between layers/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor 0.5/],
    [{ rope_interleaved: true }, /rope_interleaved/],
    [{ layer_types: ['full_attention', 'chunked_attention', 'full_attention'] }, /"chunked_attention"/],
    [{ quantization_config: { bits: 4 } }, /quantization_config/],
    [{ model_type: 'qwen2_vl' }, /"qwen2_vl" cannot be run/],
    [{ model_type: 'gpt2' }, /"gpt2"/],
    [{ head_dim: 7 }, /head_dim 7 is odd/],
  ])('refuses %j', (fields, message) => {
    expect(() => read(fields)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_BASE', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    [{ vocab_size: 0 }, /vocab_size/],
    [{ rms_norm_eps: 'small' }, /rms_norm_eps/],
    [{ rope_theta: -1 }, /rope_theta/],
    [{ tie_word_embeddings: 'yes' }, /tie_word_embeddings/],
    [{ rope_scaling: { type: 'linear' } }, /rope_scaling.factor/],
  ])('calls %j corrupt', (fields, message) => {
    expect(() => read(fields, QWEN2)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE', message: expect.stringMatching(message) }),
    );
  });
});
