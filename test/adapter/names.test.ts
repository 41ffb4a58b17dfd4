import fc from 'fast-check';
import { parseModulePath, parseTensorName, placeKey, plainName } from '../../src/adapter/names.js';

const MODULE = 'model.layers.3.self_attn.q_proj';

test.each([
  `base_model.model.${MODULE}.lora_A.weight`,
  `${MODULE}.lora_A.weight`,
  `base_model.model.${MODULE}.lora_A.default.weight`,
  `base_model.model.${MODULE}.lora_A.train.weight`,
  `_orig_mod.base_model.model.${MODULE}.lora_A.weight`,
  `module.base_model.model.${MODULE}.lora_A.default.weight`,
  `module._orig_mod.base_model.model.${MODULE}.lora_A.weight`,
  `_forward_module.base_model.model.${MODULE}.lora_A.weight`,
  `base_model.model.base_model.model.${MODULE}.lora_A.weight`,
  'base_model.model.model.layers.3._fsdp_wrapped_module.self_attn.q_proj.lora_A.weight',
  'base_model.model.model.layers.3._checkpoint_wrapped_module.self_attn.q_proj.lora_A.weight',
  '_fsdp_wrapped_module.base_model.model.model.layers.3._fsdp_wrapped_module._checkpoint_wrapped_module.self_attn.q_proj._fsdp_wrapped_module.lora_A._fsdp_wrapped_module.default._fsdp_wrapped_module.weight',
  'base_model.model.model.layers.3._fpw_module.self_attn.q_proj.lora_A.default._fpw_module.weight',
])('%s is a spelling of the same matrix', (name) => {
  expect(parseTensorName(name)).toMatchObject({ module: MODULE, part: 'A' });
  expect(placeKey(name)).toBe('3.q_proj.A');
});

test.each([
  'model.layers',
  'layers',
  'model.language_model.layers',
  'language_model.model.layers',
  'model.language_model.model.layers',
  'thinker.model.layers',
])('layers are found in %s, which stays the path to them', (layersPath) => {
  const name = `base_model.model.${layersPath}.0.mlp.up_proj.lora_B.weight`;
  expect(placeKey(name)).toBe('0.up_proj.B');
  expect(parseModulePath(parseTensorName(name)!.module)).toMatchObject({ layersPath, layer: 0 });
});

test.each([
  'model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj',
  'vision_model.encoder.layers.0.self_attn.k_proj',
  'model.visual.layers.0.mlp.up_proj',
  'thinker.audio_tower.layers.0.self_attn.v_proj',
])('a projection of the same name in another tower is none of the language model’s: %s', (module) => {
  expect(parseTensorName(`base_model.model.${module}.lora_A.weight`)).toMatchObject({ module });
  expect(parseModulePath(module)).toBeUndefined();
});

test.each([
  `${MODULE}.weight`,
  `${MODULE}.lora_A`,
  `${MODULE}.lora_a.weight`,
  `${MODULE}.lora_C.weight`,
  `${MODULE}.lora_A.two.adapters.weight`,
  'lora_A.weight',
  '',
])('%s is not the name of a LoRA matrix', (name) => {
  expect(parseTensorName(name)).toBeUndefined();
});

test('a plain name stays as it is, however often it is made plain', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const plain = plainName(name);
      expect(plainName(plain)).toBe(plain);
    }),
  );
});
