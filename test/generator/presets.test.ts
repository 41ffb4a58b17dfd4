import { AdapterLayout, type BaseModel } from '../../src/adapter/index.js';
import { checkDecoderShape, parameterCount } from '../../src/generator/decoder-shape.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../src/generator/presets.js';

const QWEN = { modelType: 'qwen2', headDim: 128 };

/** From the published config.json files. */
const BASES: Record<string, BaseModel> = Object.fromEntries(
  [
    {
      ...QWEN,
      name: 'Qwen/Qwen2.5-0.5B-Instruct',
      hidden: 896,
      heads: 14,
      kvHeads: 2,
      headDim: 64,
      intermediate: 4864,
      layers: 24,
    },
    {
      ...QWEN,
      name: 'Qwen/Qwen2.5-1.5B-Instruct',
      hidden: 1536,
      heads: 12,
      kvHeads: 2,
      intermediate: 8960,
      layers: 28,
    },
    {
      ...QWEN,
      name: 'Qwen/Qwen2.5-Coder-7B-Instruct',
      hidden: 3584,
      heads: 28,
      kvHeads: 4,
      intermediate: 18944,
      layers: 28,
    },
    {
      ...QWEN,
      name: 'Qwen/Qwen2.5-VL-3B-Instruct',
      hidden: 2048,
      heads: 16,
      kvHeads: 2,
      intermediate: 11008,
      layers: 36,
    },
  ].map((base) => [base.name, base]),
);

function shapeOf(name: PresetName) {
  const { features, kernelSize, maxLength } = PRESETS[name];
  const projectedFrom = maxLength > features[0]![1] ? maxLength : 0;
  return checkDecoderShape({ features, kernelSize, projectedFrom }, name, 'INVALID_ARGUMENT');
}

test('there are the six published configurations', () => {
  expect(PRESET_NAMES).toEqual([
    'qwen2.5-0.5b-common-sense',
    'qwen2.5-1.5b-coding',
    'qwen2.5-1.5b-math',
    'qwen2.5-7b-math',
    'qwen2.5-7b-coding',
    'qwen2.5-vl-3b-multimodal',
  ]);
});

describe.each(PRESET_NAMES)('%s', (name) => {
  const preset = PRESETS[name];

  test('decodes exactly the weight tokens of its base model', () => {
    const layout = new AdapterLayout({ base: BASES[preset.base]!, rank: preset.rank });
    expect(preset.features.at(-1)).toEqual([layout.tokenCount, layout.tokenHeight, layout.tokenWidth]);
    expect(preset.chunk).toBe(layout.chunk);
  });

  test('takes the states of MiniLM, in whole windows where prompts are long', () => {
    expect(preset.encoder).toBe('all-MiniLM-L12-v2');
    expect(preset.features[0]![2]).toBe(384);
    expect(preset.maxLength % Math.min(preset.maxLength, 512)).toBe(0);
    expect(preset.maxLength).toBeGreaterThanOrEqual(preset.features[0]![1]);
  });

  test('scales by two', () => {
    expect(preset.alpha / preset.rank).toBe(2);
  });
});

test('parameters are as many as published', () => {
  expect(parameterCount(shapeOf('qwen2.5-0.5b-common-sense'))).toBe(1_113_203_220);
  const withoutProjection = PRESET_NAMES.slice(1).map((name) => parameterCount({ ...shapeOf(name), projectedFrom: 0 }));
  expect(Math.min(...withoutProjection) / 1e9).toBeCloseTo(1.72, 2);
  expect(Math.max(...withoutProjection) / 1e9).toBeCloseTo(2.41, 2);
});
