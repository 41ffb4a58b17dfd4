import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelTextEncoder } from '../../src/encoder/index.js';
import { DecoderEngine } from '../../src/engine/index.js';
import { SafetensorsFile, type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import type { Comparison } from '../../src/verify/checks.js';
import type { FileVerdict } from '../../src/verify/verify.js';
import { dnd, dndJson } from '../cli/run-cli.js';
import { writeModel } from '../encoder/models.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { type Change, changedGolden, floats, verdictOf, verdicts } from './golden.js';

const temporary = useTemporaryFolder();
const FIXTURES = join(__dirname, '../fixtures');
const fixture = (...names: string[]) => join(FIXTURES, ...names);
const changedCopy = (path: string, change: Change) =>
  changedGolden(path, join(temporary(), 'copy.safetensors'), change);

describe('golden files pass', () => {
  test.each([
    ['decoder_k3', ['output'], 27],
    ['decoder_k5_batch3', ['output'], 27],
    ['decoder_k11_small_axes', ['output'], 18],
    ['decoder_length_projection', ['projected', 'output'], 22],
  ])('%s, with its loss and gradients', async (name, compared, gradients) => {
    const verdict = await verdictOf(fixture('golden', `${name}.safetensors`), { threads: 2 });
    expect(verdict).toMatchObject({ kind: 'decoder', ok: true, seconds: expect.any(Number) });
    const check = (checked: unknown, tolerance: number) => ({
      name: checked,
      relativeError: expect.any(Number),
      tolerance,
      ok: true,
    });
    expect(verdict.checks).toEqual([
      ...compared.map((tensor) => check(tensor, 1e-5)),
      check('loss', 1e-4),
      ...Array(gradients).fill(check(expect.stringMatching(/^grad\./), 1e-4)),
    ]);
  });

  test.each(['decoder_k3', 'decoder_k5_batch3', 'decoder_k11_small_axes', 'decoder_length_projection'])(
    '%s, by either algorithm: their roundings differ, so both were used',
    async (name) => {
      const errors: number[][] = [];
      for (const algorithm of ['direct', 'spectral'] as const) {
        const verdict = await verdictOf(fixture('golden', `${name}.safetensors`), { algorithm });
        expect(verdict.ok).toBe(true);
        const convolved = verdict.checks.filter(({ name }) => name === 'output' || /^grad.*linear2.weight/.test(name));
        errors.push(convolved.map((check) => (check as Comparison).relativeError));
      }
      expect(errors[0]!.length).toBeGreaterThan(2);
      for (const [index, error] of errors[0]!.entries()) expect(error).not.toBe(errors[1]![index]);
    },
  );

  test.each([
    ['llama', 3],
    ['mistral', 2],
    ['qwen2', 3],
    ['qwen3', 2],
  ])('causal %s, with an adapter, its gradients and training', async (name, layers) => {
    const { ok, kind, checks } = await verdictOf(fixture(`golden/causal_${name}.safetensors`), { device: 'cpu' });
    expect([kind, ok]).toEqual(['causal', true]);
    const kindOf = (check: string) => /^(?:grad|trained)(?=\.)/.exec(check)?.[0] ?? check;
    const counts = new Map<string, number>();
    for (const check of checks) counts.set(kindOf(check.name), (counts.get(kindOf(check.name)) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      logits: 1,
      hidden_states_1: 1,
      hidden_states_last: 1,
      greedy: 1,
      lora_logits: 1,
      loss: 1,
      grad: layers * 14,
      training_losses: 1,
      trained: layers * 14,
    });
  });

  test.each(['fresh', 'noisy', 'query_value', 'ragged', 'small_weights'])(
    'layout %s, tokens and round trip',
    async (name) => {
      const verdict = await verdictOf(fixture('layout', `${name}.safetensors`));
      expect(verdict).toMatchObject({ kind: 'layout', ok: true });
      expect(verdict.checks[0]).toMatchObject({ name: 'tokens', tolerance: 1e-6 });
      const names = verdict.checks.map((check) => check.name);
      const file = await SafetensorsFile.open(fixture('layout', `${name}.safetensors`));
      expect(names.sort()).toEqual([...file.tensors.keys()].filter((tensor) => tensor !== 'noisy_tokens').sort());
      await file.close();
    },
  );

  test.each([
    ['encoder_bert', ['hidden_states', 'pooled_mean', 'pooled_cls'], 1e-5],
    ['encoder_bert_gelu_new', ['hidden_states', 'pooled_mean', 'pooled_cls'], 1e-5],
    ['encoder_bert_windows', ['hidden_states'], 1e-5],
    ['encoder_hash', ['hidden_states'], 1e-6],
  ])('%s', async (name, compared, tolerance) => {
    const verdict = await verdictOf(fixture('encoder', `${name}.safetensors`));
    expect(verdict).toMatchObject({ kind: 'encoder', ok: true });
    expect(verdict.checks).toEqual(
      compared.map((check) => ({ name: check, relativeError: expect.any(Number), tolerance, ok: true })),
    );
  });

  test('a folder of them, one verdict for each', async () => {
    const all = await verdicts([fixture('golden'), fixture('encoder')]);
    expect(all).toHaveLength(19);
    expect(all.every(({ ok }) => ok)).toBe(true);
  });
});

describe('what is wrong is found:', () => {
  test.each([
    [
      'a decoder output that is off by a hundred-thousandth',
      'golden/decoder_k3',
      'output',
      (values: Float32Array) => values.set(values.map((value) => value * 1.00002)),
    ],
    [
      'a parameter that is another',
      'golden/decoder_k3',
      'param.decoder.module_list.1.linear2.bias',
      (values: Float32Array) => (values[0]! += 1),
    ],
    [
      'a condition that is another',
      'golden/decoder_length_projection',
      'condition',
      (values: Float32Array) => values.reverse(),
    ],
    [
      'an element where the tokens have none',
      'layout/ragged',
      'tokens',
      (values: Float32Array) => (values[values.findIndex(Number.isNaN)] = 0),
    ],
    ['an element that the tokens lack', 'layout/ragged', 'tokens', (values: Float32Array) => (values[0] = Number.NaN)],
    [
      'restored weights that are others',
      'layout/noisy',
      'restored.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight',
      (values: Float32Array) => (values[5]! *= 1.01),
    ],
    [
      'hidden states of padding that are others',
      'encoder/encoder_bert_windows',
      'hidden_states',
      (values: Float32Array) => (values[values.length - 1]! += 0.01),
    ],
    [
      'a pooled state that is another',
      'encoder/encoder_bert',
      'pooled_cls',
      (values: Float32Array) => (values[0]! += 0.001),
    ],
    [
      'a hash state that is another',
      'encoder/encoder_hash',
      'hidden_states',
      (values: Float32Array) => (values[0]! *= -1),
    ],
  ])('%s', async (_what, name, tensor, change) => {
    const copy = await changedCopy(fixture(`${name}.safetensors`), { bytes: { [tensor]: floats(change) } });
    const verdict = await verdictOf(copy);
    expect(verdict.ok).toBe(false);
    expect(verdict.error).toBeUndefined();
    const failed = verdict.checks.filter((check) => 'ok' in check && !check.ok).map(({ name }) => name);
    expect(failed.length).toBeGreaterThan(0);
    if (!tensor.startsWith('param.') && tensor !== 'condition') expect(failed).toEqual([tensor]);
  });

  test('an attention mask that is another', async () => {
    const mask = (bytes: Uint8Array<ArrayBuffer>) => new BigInt64Array(bytes.buffer).fill(1n);
    const copy = await changedCopy(fixture('encoder/encoder_bert.safetensors'), { bytes: { attention_mask: mask } });
    expect((await verdictOf(copy)).ok).toBe(false);
  });
});

describe('kernels of 17 taps', () => {
  /** A decoder whose parameters are zero gives its condition back, and the reference says so. */
  async function goldenOfZeros(): Promise<string> {
    const features = [
      [2, 3, 4],
      [2, 3, 4],
    ] as const;
    const engine = await DecoderEngine.create({ features, kernelSize: 17 });
    const sizes = engine.parameters.map(({ name, shape }) => [`param.${name}`, shape] as const);
    engine.dispose();
    const condition = new Uint8Array(Float32Array.from({ length: 24 }, (_, index) => index - 11).buffer);
    const tensors: TensorSource[] = [
      ...sizes.map(([name, shape]): TensorSource => {
        const bytes = new Uint8Array(4 * shape.reduce((product, size) => product * size, 1));
        return { name, dtype: 'F32', shape, bytes: () => [bytes] };
      }),
      { name: 'condition', dtype: 'F32', shape: [1, 2, 3, 4], bytes: () => [condition] },
      { name: 'output', dtype: 'F32', shape: [1, 2, 3, 4], bytes: () => [condition] },
    ];
    const path = join(temporary(), 'seventeen.safetensors');
    const metadata = { kind: 'decoder', features: JSON.stringify(features), kernel_size: '17' };
    await writeSafetensors(path, tensors, { metadata });
    return path;
  }

  test.each(['auto', 'direct'] as const)('pass with the algorithm %s', async (algorithm) => {
    expect(await verdictOf(await goldenOfZeros(), { algorithm })).toMatchObject({ ok: true });
  });

  test('cannot be spectral: the file fails and says why, and the others are still checked', async () => {
    const [seventeen, three] = await verdicts([await goldenOfZeros(), fixture('golden/decoder_k3.safetensors')], {
      algorithm: 'spectral',
    });
    expect(seventeen).toMatchObject({
      kind: 'decoder',
      ok: false,
      error: {
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/no spectral convolution .*more than 15 taps/),
      },
    });
    expect(three!.ok).toBe(true);
  });
});

describe('a file that cannot be checked at all fails with a reason, and the others are still checked:', () => {
  const golden = fixture('golden/decoder_k3.safetensors');

  test.each([
    [
      'an unknown kind',
      { metadata: { kind: 'tea-leaves' } },
      'UNSUPPORTED_FORMAT',
      'kind is "tea-leaves", which is unknown; known kinds are decoder, layout, encoder',
    ],
    ['no kind', { metadata: { kind: undefined } }, 'UNSUPPORTED_FORMAT', 'kind is missing'],
    ['a kind that every object has', { metadata: { kind: 'constructor' } }, 'UNSUPPORTED_FORMAT', 'unknown'],
    ['features that are no JSON', { metadata: { features: '[[4,' } }, 'CORRUPT_FILE', 'metadata features is not JSON'],
    ['no features', { metadata: { features: undefined } }, 'CORRUPT_FILE', 'lacks features'],
    [
      'features that do not fit the condition',
      { metadata: { features: '[[4,12,15],[6,10,12]]' } },
      'CORRUPT_FILE',
      'by features, got [2, 4, 12, 16]',
    ],
    [
      'a parameter that is missing',
      { without: 'param.decoder.module_list.0.linear2.bias' },
      'CORRUPT_FILE',
      'tensor param.decoder.module_list.0.linear2.bias is missing',
    ],
    ['no condition', { without: 'condition' }, 'CORRUPT_FILE', 'tensor condition is missing'],
  ])('%s', async (_what, change, code, sentence) => {
    const copy = await changedCopy(golden, change);
    const [bad, good] = await verdicts([copy, golden]);
    expect(bad).toMatchObject({
      file: copy,
      ok: false,
      checks: [],
      error: { code, message: expect.stringContaining(sentence) },
    });
    expect(good!.ok).toBe(true);
  });

  test('a file that ends too early', async () => {
    const copy = join(temporary(), 'short.safetensors');
    await writeFile(copy, (await readFile(golden)).subarray(0, 9000));
    expect(await verdictOf(copy)).toMatchObject({ kind: null, ok: false, error: { code: 'CORRUPT_FILE' } });
  });

  test('a folder without golden files is no success', async () => {
    await mkdir(join(temporary(), 'empty'));
    await expect(verdicts([join(temporary(), 'empty')])).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(verdicts([join(temporary(), 'nowhere')])).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('what this version does not compute is skipped with a reason', () => {
  test('kind state_dict', async () => {
    const [kind, name, reason] = ['state_dict', 'anything', 'this version does not read PyTorch archives'];
    const path = join(temporary(), 'later.safetensors');
    const tensor = { name, dtype: 'F32', shape: [1], bytes: () => [new Uint8Array(4)] } as const;
    await writeSafetensors(path, [tensor], { metadata: { kind } });
    expect(await verdictOf(path)).toMatchObject({ kind, ok: true, checks: [{ name, skipped: true, reason }] });
    expect((await verdictOf(path, { strict: true })).ok).toBe(false);
  });

  test('language models of another type, by its name', async () => {
    const copy = await changedCopy(fixture('golden/causal_qwen3.safetensors'), {
      metadata: { config: '{"model_type": "gpt2"}' },
    });
    const { ok, checks } = await verdictOf(copy, { device: 'cpu' });
    expect(ok).toBe(true);
    expect(checks).toHaveLength(62);
    for (const check of checks) expect(check).toMatchObject({ skipped: true, reason: expect.stringContaining('gpt2') });
  });

  test('text encoders of another type, by its name', async () => {
    const copy = await changedCopy(fixture('encoder/encoder_bert.safetensors'), {
      metadata: { config: '{"model_type": "deberta-v2"}' },
    });
    const { ok, checks } = await verdictOf(copy);
    expect(ok).toBe(true);
    expect(checks).toEqual(
      ['hidden_states', 'pooled_mean', 'pooled_cls'].map((name) => ({
        name,
        skipped: true,
        reason: expect.stringContaining('deberta-v2'),
      })),
    );
  });
});

describe('an encoder that is only named', () => {
  const prompts = ['abc de', 'the quick brown fox'];

  async function goldenOf(encoder: string, changeIds = (_: Int32Array) => {}): Promise<string> {
    const bert = await ModelTextEncoder.load(encoder);
    const maxLength = 12;
    const { ids, mask } = await bert.tokenise(prompts, { maxLength });
    const { hiddenStates } = await bert.encode(prompts, { maxLength, padding: 'encode', pooling: 'none' });
    bert.dispose();
    changeIds(ids);
    const int64 = (values: Int32Array) => [new Uint8Array(BigInt64Array.from(values, BigInt).buffer)];
    const path = join(temporary(), 'named.safetensors');
    const tensors: TensorSource[] = [
      { name: 'input_ids', dtype: 'I64', shape: [2, maxLength], bytes: () => int64(ids) },
      { name: 'attention_mask', dtype: 'I64', shape: [2, maxLength], bytes: () => int64(mask) },
      {
        name: 'hidden_states',
        dtype: 'F32',
        shape: [2, maxLength, bert.channels],
        bytes: () => [new Uint8Array(hiddenStates.buffer)],
      },
    ];
    const metadata = {
      kind: 'encoder',
      weights: 'small-bert',
      prompts: JSON.stringify(prompts),
      max_length: String(maxLength),
    };
    await writeSafetensors(path, tensors, { metadata });
    return path;
  }

  test('is skipped without its folder, and checked from the prompts on with it', async () => {
    const encoder = await writeModel(join(temporary(), 'encoder'));
    const path = await goldenOf(encoder);
    const skipped = await verdictOf(path);
    expect(skipped.ok).toBe(true);
    expect(skipped.checks.every((check) => 'skipped' in check && check.reason.includes('small-bert'))).toBe(true);
    expect((await verdictOf(path, { encoder })).checks).toEqual([
      { name: 'input_ids', relativeError: 0, tolerance: 0, ok: true },
      { name: 'attention_mask', relativeError: 0, tolerance: 0, ok: true },
      { name: 'hidden_states', relativeError: 0, tolerance: 1e-4, ok: true },
    ]);
  });

  test('one wrong token id is found', async () => {
    const encoder = await writeModel(join(temporary(), 'encoder'));
    const path = await goldenOf(encoder, (ids) => {
      ids[3]! += 1;
    });
    const { ok, checks } = await verdictOf(path, { encoder });
    expect(ok).toBe(false);
    expect(checks[0]).toMatchObject({ name: 'input_ids', ok: false });
  });
});

describe('dnd verify', () => {
  const good = fixture('golden/decoder_k3.safetensors');

  test('ends with 0, and --json prints what the contract says', async () => {
    const { code, result } = await dndJson<FileVerdict[]>(['verify', good, '--device', 'cpu', '--threads', 1]);
    expect(code).toBe(0);
    expect(result).toHaveLength(1);
    expect(result[0]).toMatchObject({ file: good, kind: 'decoder', seconds: expect.any(Number) });
    expect(result[0]!.checks[0]).toEqual({
      name: 'output',
      relativeError: expect.any(Number),
      tolerance: 1e-5,
      ok: true,
    });
  });

  test('ends with 1 when one file fails; an error that is not finite is null in JSON', async () => {
    const ragged = fixture('layout/ragged.safetensors');
    const copy = await changedCopy(ragged, { bytes: { tokens: floats((values) => values.fill(Number.NaN)) } });
    const { code, result } = await dndJson<FileVerdict[]>(['verify', good, copy]);
    expect(code).toBe(1);
    expect(result[1]!.checks[0]).toEqual({ name: 'tokens', relativeError: null, tolerance: 1e-6, ok: false });
    const { stdout } = await dnd(['verify', good, copy]);
    expect(stdout).toMatch(
      /^ok .*decoder_k3.*, 29 checks, .*\nFAIL .*copy.safetensors.*\n +tokens: relative error Infinity > 1e-6\n\n2 files: 1 passed, 0 skipped, 1 failed\n$/,
    );
  });

  test('a file of which nothing could be checked has not passed', async () => {
    const metadata = { kind: 'state_dict' };
    const path = join(temporary(), 'later.safetensors');
    await writeSafetensors(path, [{ name: 'logits', dtype: 'F32', shape: [1], bytes: () => [new Uint8Array(4)] }], {
      metadata,
    });
    const { code, stdout } = await dnd(['verify', path]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^skip .*later.safetensors \(state_dict, 1 skipped, [\d.]+ s\)\n.*\n\n1 file: 0 passed, 1 skipped, 0 failed\n$/,
    );
  });

  test('--algorithm reaches the decoders', async () => {
    const errorOf = async (algorithm: string) => {
      const { code, result } = await dndJson<FileVerdict[]>(['verify', good, '--algorithm', algorithm]);
      expect(code).toBe(0);
      return (result[0]!.checks[0] as Comparison).relativeError;
    };
    expect(await errorOf('spectral')).not.toBe(await errorOf('direct'));
    const { code, stderr } = await dnd(['verify', good, '--algorithm', 'winograd']);
    expect(code).toBe(2);
    expect(stderr).toContain('Allowed choices are auto, direct, spectral');
  });

  test('--strict fails what is skipped, and nothing else', async () => {
    expect((await dnd(['verify', good, '--device', 'cpu', '--strict'])).code).toBe(0);
    const named = await changedCopy(good, { renamed: { 'grad.decoder.module_list.0.linear2.bias': 'grad.condition' } });
    expect((await dnd(['verify', named, '--device', 'cpu'])).code).toBe(0);
    expect((await dnd(['verify', named, '--device', 'cpu', '--strict'])).code).toBe(1);
  });
});
