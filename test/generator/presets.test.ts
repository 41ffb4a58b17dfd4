import { join } from 'node:path';
import { AdapterLayout, type BaseModel, readBaseModel } from '../../src/adapter/index.js';
import { decoderOf, planGenerator } from '../../src/generator/create.js';
import { checkDecoderShape, parameterCount } from '../../src/generator/decoder-shape.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../src/generator/presets.js';

/** Their published config.json files, as far as an adapter has to know them. */
const CONFIGS: Record<string, string> = {
  'Qwen/Qwen2.5-0.5B-Instruct': 'qwen2.5-0.5b.json',
  'Qwen/Qwen2.5-1.5B-Instruct': 'qwen2.5-1.5b.json',
  'Qwen/Qwen2.5-Coder-7B-Instruct': 'qwen2.5-7b.json',
  'Qwen/Qwen2.5-VL-3B-Instruct': 'qwen2.5-vl-3b.json',
};

function baseOf(name: PresetName): Promise<BaseModel> {
  return readBaseModel(join(__dirname, '../fixtures/bases', CONFIGS[PRESETS[name].base]!));
}

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

  test('decodes exactly the weight tokens of its base model', async () => {
    const layout = new AdapterLayout({ base: await baseOf(name), rank: preset.rank });
    expect(preset.features.at(-1)).toEqual([layout.tokenCount, layout.tokenHeight, layout.tokenWidth]);
    expect(preset.chunk).toBe(layout.chunk);
  });

  test('makes a plan with nothing else given', async () => {
    const encoder = {
      identity: { type: 'hash', channels: 384 },
      maxWindow: 512,
      minLength: 1,
      encodesPadding: true,
    } as const;
    const manifest = planGenerator({ preset: name }, decoderOf({ preset: name }), await baseOf(name), encoder);
    expect(manifest).toMatchObject({
      preset: name,
      condition: { maxLength: preset.maxLength, padding: 'encode', pooling: 'none' },
      decoder: shapeOf(name),
      adapter: { rank: preset.rank, alpha: preset.alpha, chunk: preset.chunk, useRslora: false },
      training: { trained: false, seed: 0 },
    });
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
