import { parsePeftConfig } from '../../src/adapter/index.js';

const parse = (settings: object) => parsePeftConfig({ peft_type: 'LORA', ...settings }, 'adapter_config.json');
const refusal = (settings: object): { code: string; message: string } => {
  try {
    parse(settings);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was not refused');
};

test.each([
  ['pissa', 'PiSSA'],
  ['pissa_niter_16', 'PiSSA'],
  ['PiSSA', 'PiSSA'],
  ['olora', 'OLoRA'],
  ['OLoRA', 'OLoRA'],
  ['corda', 'CorDA'],
  ['lora_ga', 'LoRA-GA'],
])('weights relative to a changed base are refused with the conversion: init_lora_weights %s', (start, what) => {
  const { code, message } = refusal({ init_lora_weights: start });
  expect(code).toBe('UNSUPPORTED_FORMAT');
  expect(message).toContain(
    `the adapter uses ${what} (init_lora_weights is "${start}"): its weights are relative to a base`,
  );
  expect(message).toContain('path_initial_model_for_weight_conversion');
});

test('LoftQ has no conversion, and a start that is not known is not guessed', () => {
  expect(refusal({ init_lora_weights: 'loftq' }).message).toMatch(/LoftQ .* quantised base.*no exact conversion/s);
  for (const start of ['tomorrow', 3, ['pissa'], {}])
    expect(refusal({ init_lora_weights: start })).toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
      message: expect.stringMatching(/an unknown initialisation .* set init_lora_weights to true in this file/s),
    });
});

test.each([true, false, null, 'gaussian', 'Gaussian', 'eva', 'orthogonal', 'mica'])(
  'a start that leaves the base as it is makes no difference: %s',
  (start) => {
    expect(parse({ init_lora_weights: start }).warnings).toEqual([]);
  },
);

test.each([
  ['use_dora', true],
  ['use_qalora', true],
  ['use_bdlora', { nblocks: 2 }],
  ['lora_bias', true],
  ['bias', 'all'],
  ['modules_to_save', ['lm_head']],
  ['trainable_token_indices', { embed_tokens: [1] }],
  ['target_parameters', ['experts.weight']],
  ['layer_replication', [[0, 2]]],
  ['alora_invocation_tokens', [1]],
  ['arrow_config', { top_k: 2 }],
  ['kasa_config', { beta: 1 }],
  ['enable_lora', [true, false]],
])('what makes an adapter more than LoRA is refused by name, with what to do: %s', (key, value) => {
  const { code, message } = refusal({ [key]: value });
  expect(code).toBe('UNSUPPORTED_FORMAT');
  expect(message).toContain(key);
  expect(message).toMatch(/only plain LoRA is\. [A-Z]/);
});

test('every setting of PEFT 0.21 that means nothing for the weights passes without a warning', () => {
  const settings = {
    auto_mapping: { base_model_class: 'Qwen2ForCausalLM' },
    corda_config: { corda_method: 'ipm' },
    ensure_weight_tying: true,
    eva_config: { rho: 2 },
    inference_mode: true,
    layers_pattern: 'layers',
    loftq_config: { loftq_bits: 4 },
    lora_dropout: 0.05,
    lora_ga_config: { direction: 'ArB2r' },
    megatron_config: { a: 1 },
    megatron_core: 'megatron.core',
    monteclora_config: { num_samples: 8 },
    peft_version: '0.21.2',
    qalora_group_size: 16,
    revision: 'main',
    runtime_config: { ephemeral_gpu_offload: true },
    task_type: 'CAUSAL_LM',
    velora_config: { num_groups: 64 },
  };
  expect(parse(settings)).toMatchObject({ rank: 8, warnings: [] });
});

test('an unknown setting is a warning by name, unless it is off', () => {
  expect(parse({ use_tomorrow: true, tomorrow_groups: 4 }).warnings).toEqual([
    'the setting "use_tomorrow" (true) is unknown and ignored; check that it does not change what the weights mean',
    expect.stringContaining('"tomorrow_groups" (4)'),
  ]);
  expect(parse({ a: false, b: null, c: [], d: {}, e: '', f: 0 }).warnings).toEqual([]);
});

test('the configuration of another program, or of a model, is named', () => {
  const read = (json: object) => () => parsePeftConfig(json, 'adapter_config.json');
  expect(read({ fine_tune_type: 'lora', num_layers: 2, lora_parameters: { rank: 4 } })).toThrow(
    'it is the configuration of an MLX adapter (mlx_lm), not of a PEFT adapter. Convert the MLX adapter first',
  );
  expect(read({ model_type: 'qwen2' })).toThrow('it is the configuration of a model');
  expect(read({ r: 8 })).toThrow('peft_type: is missing');
});
