import { AdapterLayout } from '../../src/adapter/index.js';

const PREFIX = 'base_model.model.model.layers';

function module(layer: number, path: string, rank: number, input: number, output: number) {
  return [
    { name: `${PREFIX}.${layer}.${path}.lora_A.weight`, shape: [rank, input] },
    { name: `${PREFIX}.${layer}.${path}.lora_B.weight`, shape: [output, rank] },
  ];
}
const query = (layer: number, rank = 4) => module(layer, 'self_attn.q_proj', rank, 64, 96);

test('the layers may be some of many', () => {
  const layout = AdapterLayout.fromTensors([...query(29), ...query(0), ...query(9)]);
  expect(layout.tensors.map(({ layer }) => layer)).toEqual([0, 0, 9, 9, 29, 29]);
  expect(layout.base).toBeNull();
});

test.each([
  [
    'another family',
    [{ name: 'base_model.model.transformer.h.0.attn.c_attn.lora_A.weight', shape: [8, 768] }],
    'UNSUPPORTED_BASE',
    'transformer.h.0.attn.c_attn.lora_A.weight is not a LoRA matrix of a Llama',
  ],
  ['a projection in the wrong block', module(0, 'mlp.q_proj', 4, 64, 96), 'UNSUPPORTED_BASE', 'mlp.q_proj'],
  [
    'something else than a LoRA matrix',
    [{ name: `${PREFIX}.0.self_attn.q_proj.weight`, shape: [8, 8] }],
    'UNSUPPORTED_BASE',
    'is not a LoRA matrix',
  ],
  ['no tensors', [], 'SHAPE_MISMATCH', 'has no tensors'],
  ['two ranks', [...query(0), ...query(1, 8)], 'SHAPE_MISMATCH', 'needs one rank for all tensors'],
  ['A and B of two ranks', [query(0)[0]!, query(0, 8)[1]!], 'SHAPE_MISMATCH', 'needs one rank for all tensors'],
  [
    'half a pair',
    query(0).slice(1),
    'SHAPE_MISMATCH',
    'there is no base_model.model.layers.0.self_attn.q_proj.lora_A.weight',
  ],
  [
    'a layer with other modules',
    [...query(0), ...module(1, 'self_attn.k_proj', 4, 64, 32)],
    'SHAPE_MISMATCH',
    'needs the same modules in every layer',
  ],
  [
    'widths that contradict each other',
    [...query(0), ...module(0, 'self_attn.k_proj', 4, 65, 32)],
    'SHAPE_MISMATCH',
    'k_proj.lora_A.weight is 65 wide where',
  ],
  [
    'two spellings of one name',
    [...query(0), ...query(0).map((t) => ({ ...t, name: t.name.replace('base_model.model.', '') }))],
    'SHAPE_MISMATCH',
    'twice',
  ],
  [
    'two paths to the layers',
    [
      ...query(0),
      ...query(1).map((t) => ({ ...t, name: t.name.replace('model.layers', 'model.language_model.layers') })),
    ],
    'SHAPE_MISMATCH',
    'needs one path to its layers',
  ],
  [
    'three dimensions',
    [{ ...query(0)[0]!, shape: [4, 64, 1] }, query(0)[1]!],
    'SHAPE_MISMATCH',
    'has shape [4, 64, 1]',
  ],
  [
    'a fused module beside one that it contains',
    [...query(0), ...module(0, 'self_attn.qkv_proj', 4, 64, 160)],
    'SHAPE_MISMATCH',
    'has both qkv_proj and q_proj',
  ],
  ['a size of zero', [{ ...query(0)[0]!, shape: [4, 0] }, query(0)[1]!], 'SHAPE_MISMATCH', 'has shape [4, 0]'],
])('there is no layout for %s', (_, tensors, code, message) => {
  const attempt = () => AdapterLayout.fromTensors(tensors);
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(attempt).toThrow(message);
});
