import { LoraAdapter, type LoraConfig, mergeDelta } from '../../src/adapter/index.js';

const CONFIG: LoraConfig = { rank: 4, alpha: 6, useRslora: false, targetModules: ['q_proj'], baseModelName: null };
const MODULE = 'model.layers.0.self_attn.q_proj';

function adapterOf(config: Partial<LoraConfig> = {}): LoraAdapter {
  return new LoraAdapter(
    { ...CONFIG, ...config },
    new Map([
      [
        `base_model.model.${MODULE}.lora_A.weight`,
        { shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i + 1) },
      ],
      [`base_model.model.${MODULE}.lora_B.weight`, { shape: [2, 4], data: Float32Array.of(1, 0, 0, 0, 0, 1, 0, -1) }],
    ]),
  );
}

test('ΔW is B·A scaled by alpha / rank, with rsLoRA by alpha / √rank', async () => {
  const product = [1, 2, 3, 4 - 10, 5 - 11, 6 - 12];
  expect([...(await mergeDelta(adapterOf(), MODULE))]).toEqual(product.map((x) => x * 1.5));
  expect([...(await mergeDelta(adapterOf({ useRslora: true }), MODULE))]).toEqual(product.map((x) => x * 3));
});

test('an alpha of the module’s own goes before the common one', async () => {
  for (const key of ['q_proj', 'self_attn.q_proj', MODULE, `^${MODULE}`]) {
    expect((await mergeDelta(adapterOf({ alphaPattern: { [key]: 8 } }), MODULE))[0]).toBe(2);
  }
  for (const key of ['_proj', 'k_proj', `^q_proj`]) {
    expect((await mergeDelta(adapterOf({ alphaPattern: { [key]: 8 } }), MODULE))[0]).toBe(1.5);
  }
});

test('a module that is not adapted, and a scale that is no number, are refused', async () => {
  await expect(mergeDelta(adapterOf(), 'model.layers.1.self_attn.q_proj')).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
  });
  await expect(mergeDelta(adapterOf({ alpha: Number.NaN }), MODULE)).rejects.toMatchObject({ code: 'INVALID_WEIGHTS' });
});

test('an abort stops the merging', async () => {
  await expect(mergeDelta(adapterOf(), MODULE, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
