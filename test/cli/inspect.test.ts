import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GgufValue, quantise, writeGguf } from '../../src/formats/gguf/index.js';
import type { GgufInspection } from '../../src/inspect/gguf.js';
import type {
  AdapterInspection,
  GeneratorInspection,
  PytorchInspection,
  SafetensorsInspection,
} from '../../src/inspect/inspect.js';
import { convertToPytorch } from '../formats/write-pytorch.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, generateArguments, init, promptFile } = useWorkshop();

const PEFT = join(__dirname, '../fixtures/peft/qwen2');

test('a generator: what it is for, what it is made of, that it is untrained, every tensor', async () => {
  await init();
  const { code, stdout } = await dnd(['inspect', at('generator')]);
  expect(code).toBe(0);
  for (const sentence of [
    'tiny/qwen2',
    'hash, 16 channels',
    'kernel size 3',
    '(4, 8, 16)',
    'untrained',
    'decoder.module_list.0.linear1.conv1w.weight',
  ])
    expect(stdout).toContain(sentence);
  expect(stdout).toMatch(/F32 +\[12, 16, 3, 3\]/);

  const { result } = await dndJson<GeneratorInspection>(['inspect', at('generator', 'generator.json')]);
  expect(result).toMatchObject({ type: 'generator', manifest: { formatVersion: 1 }, adapterTensors: 28 });
  const elements = result.tensors.reduce((sum, { bytes }) => sum + bytes / 4, 0);
  expect(elements).toBe(result.parameters);
});

test('an adapter: its configuration, and what its numbers are like', async () => {
  await init();
  await dnd(generateArguments([await promptFile('p.txt', 'one')], '--dtype', 'f32'));
  const { result } = await dndJson<AdapterInspection>(['inspect', at('adapter')]);
  expect(result).toMatchObject({ type: 'adapter', config: { peft_type: 'LORA', r: 2, lora_alpha: 4 } });
  expect(result.tensors).toHaveLength(28);
  for (const { statistics } of result.tensors) {
    expect(statistics).toMatchObject({ nan: 0, infinite: 0 });
    expect(statistics!.std).toBeGreaterThan(0);
  }
  const { stdout } = await dnd(['inspect', at('adapter')]);
  expect(stdout).toMatch(/^tensor +dtype +shape +size +mean +std +min +max +NaN +infinite$/m);
  expect(stdout).toContain('28 tensors');
});

test('an adapter that PEFT wrote', async () => {
  const { result } = await dndJson<AdapterInspection>(['inspect', PEFT]);
  expect(result.type).toBe('adapter');
  expect(result.tensors.length).toBeGreaterThan(0);
});

test('an adapter one folder deeper, and one that other commands refuse, with the reason', async () => {
  await mkdir(at('step'));
  await cp(PEFT, at('step', 'sft'), { recursive: true });
  const config = JSON.parse(await readFile(at('step', 'sft', 'adapter_config.json'), 'utf8'));
  const inspect = async (settings: object) => {
    await writeFile(at('step', 'sft', 'adapter_config.json'), JSON.stringify({ ...config, ...settings }));
    return (await dndJson<AdapterInspection>(['inspect', at('step')])).result;
  };
  expect(await inspect({})).toMatchObject({ type: 'adapter', path: at('step', 'sft'), notices: [] });
  expect((await inspect({ init_lora_weights: 'pissa' })).notices).toEqual([
    expect.stringContaining('the adapter uses PiSSA'),
  ]);
  expect((await inspect({ use_tomorrow: 1 })).notices).toEqual([expect.stringContaining('"use_tomorrow"')]);
  expect((await dnd(['inspect', at('step')])).stdout).toMatch(/^notice {2}the setting "use_tomorrow"/m);
  await cp(PEFT, at('step', 'reference'), { recursive: true });
  const { code, stderr } = await dnd(['inspect', at('step')]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('holds 2 adapters: reference, sft')]);
});

test('an adapter_model.bin, with its configuration or alone', async () => {
  await cp(PEFT, at('step', 'sft'), { recursive: true });
  const [safetensors, pytorch] = ['safetensors', 'bin'].map((name) => at('step', 'sft', `adapter_model.${name}`));
  const { result: expected } = await dndJson<AdapterInspection>(['inspect', at('step')]);
  await convertToPytorch(safetensors!, pytorch!);
  await rm(safetensors!);
  for (const folder of [at('step'), at('step', 'sft')]) {
    const { result } = await dndJson<AdapterInspection>(['inspect', folder]);
    expect(result).toMatchObject({ type: 'adapter', path: at('step', 'sft') });
    expect(result.tensors.map(({ name }) => name).sort()).toEqual(expected.tensors.map(({ name }) => name).sort());
  }
  await rm(at('step', 'sft', 'adapter_config.json'));
  const { result: alone } = await dndJson<PytorchInspection>(['inspect', at('step', 'sft')]);
  expect(alone).toMatchObject({ type: 'pytorch', path: pytorch });
});

test('every dtype of the safetensors format is listed', async () => {
  for (const name of ['c64', 'dup', 'f8', 'i16', 'lead-space', 'u64']) {
    const path = join(__dirname, '../fixtures/cases/14-safetensors', `${name}.safetensors`);
    const { code, stdout } = await dnd(['inspect', path]);
    expect([name, code]).toEqual([name, 0]);
    expect(stdout).toMatch(/^a +(?:F32|C64) +\[\d\]/m);
  }
});

test('any safetensors file, with statistics on request', async () => {
  const path = join(PEFT, 'adapter_model.safetensors');
  const { result: plain } = await dndJson<SafetensorsInspection>(['inspect', path]);
  expect(plain).toMatchObject({ type: 'safetensors', path, metadata: { format: 'pt' } });
  expect(plain.tensors.every(({ statistics }) => statistics === undefined)).toBe(true);
  const { result: full } = await dndJson<SafetensorsInspection>(['inspect', path, '--statistics']);
  expect(full.tensors.every(({ statistics }) => statistics?.count)).toBe(true);
});

test('a damaged file is named', async () => {
  await writeFile(at('x.safetensors'), 'not safetensors');
  expect(await dndJson(['inspect', at('x.safetensors')])).toMatchObject({
    code: 1,
    result: { error: { code: 'CORRUPT_FILE' } },
  });
  expect(await dndJson(['inspect', at()])).toMatchObject({ code: 1, result: { error: { code: 'CORRUPT_FILE' } } });
  expect(await dndJson(['inspect', at('base')])).toMatchObject({
    code: 1,
    result: { error: { code: 'FILE_NOT_FOUND' } },
  });
});

test('a GGUF file: its metadata, long arrays cut, and its tensors; of an adapter also what the numbers are like', async () => {
  const vocabulary = {
    type: 'array',
    value: { of: 'string', values: ['<s>', '\u001b[31m', ...Array(40).fill('a')] },
  } as const;
  const path = at('model.gguf');
  const write = (type: string) =>
    writeGguf(
      path,
      new Map<string, GgufValue>([
        ['general.type', { type: 'string', value: type }],
        ['llama.large', { type: 'uint64', value: 2n ** 60n }],
        ['tokenizer.ggml.tokens', vocabulary],
      ]),
      [
        { name: 'a', shape: [32, 2], type: 'Q8_0', bytes: () => [quantise(new Float32Array(64).fill(2), 'Q8_0')] },
        { name: 'b', shape: [3], type: 'I32', bytes: () => [new Uint8Array(12)] },
      ],
    );
  await write('model');
  const model = await dndJson<GgufInspection>(['inspect', path]);
  expect(model.result).toMatchObject({
    type: 'gguf',
    version: 3,
    metadata: { 'llama.large': '1152921504606846976', 'tokenizer.ggml.tokens': { of: 'string', count: 42 } },
    tensors: [
      { name: 'a', dtype: 'Q8_0', shape: [32, 2], bytes: 68 },
      { name: 'b', dtype: 'I32', shape: [3], bytes: 12 },
    ],
  });
  expect(model.result.tensors[0]!.statistics).toBeUndefined();
  const { stdout } = await dnd(['inspect', path]);
  expect(stdout).toContain('42 strings: "<s>", "\\u001b[31m", "a", "a", "a", …');
  await write('adapter');
  const adapter = await dndJson<GgufInspection>(['inspect', path]);
  expect(adapter.result.tensors[0]!.statistics).toMatchObject({
    count: 64,
    min: expect.closeTo(2, 2),
    max: expect.closeTo(2, 2),
  });
  expect(adapter.result.tensors[1]!.statistics).toBeUndefined();
});

test('a PyTorch archive, with statistics on request', async () => {
  const path = join(__dirname, '../fixtures/pytorch/checkpoint.pth');
  const { result } = await dndJson<PytorchInspection>(['inspect', path, '--statistics']);
  expect(result).toMatchObject({ type: 'pytorch', path });
  expect(result.tensors.find(({ name }) => name === 'brain')).toMatchObject({ dtype: 'BF16', shape: [2, 7] });
  expect(result.tensors.every(({ statistics }) => statistics?.count)).toBe(true);
  const { stdout } = await dnd(['inspect', path]);
  expect(stdout).toContain('PyTorch archive');
  expect(stdout).toMatch(/strided +F32 +\[4, 3\]/);
});
