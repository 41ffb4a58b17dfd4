import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraAdapter, writePeft } from '../../src/adapter/index.js';
import { convert } from '../../src/conversion/index.js';
import { FIXTURES } from '../adapter/bases.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);
const PEFT = join(FIXTURES, 'gguf', 'tiny_llama_peft');
const LLAMA = {
  model_type: 'llama',
  hidden_size: 32,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 60,
  num_hidden_layers: 3,
};

const converted = async (config: object, format: 'peft' | 'mlx', input = PEFT) => {
  await writeFile(at('config.json'), JSON.stringify(config));
  return convert(input, at('out'), { base: at('config.json'), format, force: true });
};

describe.each(['peft', 'mlx'] as const)('for the format %s', (format) => {
  test('an adapter of the base is converted', async () => {
    expect(await converted(LLAMA, format)).toMatchObject({ to: format });
  });

  test.each<[string, object, RegExp]>([
    [
      'widths',
      { ...LLAMA, intermediate_size: 61 },
      /mlp.*does not fit .*expected 61 inputs and 32|expected 32 inputs and 61/,
    ],
    ['layers', { ...LLAMA, num_hidden_layers: 2 }, /adapts model.layers.2.*\(llama, 2 layers\) does not have/],
    ['modules', { ...LLAMA, model_type: 'phi3' }, /_proj, which the base model .*does not have/],
  ])('one of a base of other %s is refused', async (_what, config, message) => {
    await expect(converted(config, format)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(message),
    });
  });
});

test('a module whose shape config.json does not tell is noted', async () => {
  const tensors = new Map(
    (['A', 'B'] as const).map((part) => [
      `base_model.model.lm_head.lora_${part}.weight`,
      { shape: part === 'A' ? [1, 32] : [7, 1], data: new Float32Array(part === 'A' ? 32 : 7).fill(1) },
    ]),
  );
  const config = { rank: 1, alpha: 1, useRslora: false, baseModelName: null, targetModules: ['lm_head'] };
  await writePeft(at('head'), new LoraAdapter(config, tensors), { dtype: 'F32' });
  const { notes } = await converted(LLAMA, 'peft', at('head'));
  expect(notes).toContainEqual(expect.stringContaining('lm_head could not be compared'));
});
