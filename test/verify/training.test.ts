import { join } from 'node:path';
import type { DeviceUse } from '../../src/engine/index.js';
import { type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { type Comparison, isSkipped } from '../../src/verify/checks.js';
import { decoderShape } from '../../src/verify/golden-decoder.js';
import { GoldenFile } from '../../src/verify/golden-file.js';
import { verifyGradients } from '../../src/verify/gradients.js';
import { verifyTraining } from '../../src/verify/training.js';
import { numbers } from '../engine/decoders.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { type Change, changedGolden, floats, verdictOf } from './golden.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const temporary = useTemporaryFolder();
const golden = (name: string) => join(__dirname, '../fixtures/golden', `${name}.safetensors`);
const copyOf = (name: string, change: Change) =>
  changedGolden(golden(name), join(temporary(), 'copy.safetensors'), change);

const errorsOf = ({ checks }: Awaited<ReturnType<typeof verdictOf>>) =>
  new Map(
    checks
      .filter((check): check is Comparison => !isSkipped(check))
      .map(({ name, relativeError }) => [name, relativeError]),
  );
const failedOf = ({ checks }: Awaited<ReturnType<typeof verdictOf>>) =>
  checks.filter((check) => 'ok' in check && !check.ok).map(({ name }) => name);

describe('gradients of a decoder', () => {
  test('are those of the weighted loss: another importance gives others', async () => {
    const weights = { criterion_weight: floats((values) => values.set(values.map((value) => value * 2))) };
    const verdict = await verdictOf(await copyOf('decoder_k3', { bytes: weights }));
    const failed = failedOf(verdict);
    expect(failed).toContain('loss');
    expect(failed.filter((name) => name.startsWith('grad.'))).toHaveLength(26); // one is zero whatever the importance
    expect(failed).not.toContain('output');
  });

  test('without importance are those of ones', async () => {
    const ones = { criterion_weight: floats((values) => values.fill(1)) };
    const written = errorsOf(await verdictOf(await copyOf('decoder_k3', { bytes: ones })));
    const left = errorsOf(await verdictOf(await copyOf('decoder_k3', { without: 'criterion_weight' })));
    expect(left).toEqual(written);
  });

  test('that are wrong fail alone, by their name', async () => {
    const name = 'grad.decoder.module_list.1.linear1.norm.bias';
    const change = { bytes: { [name]: floats((values) => values.set(values.map((value) => value * 1.001))) } };
    expect(failedOf(await verdictOf(await copyOf('decoder_k3', change)))).toEqual([name]);
  });

  test('are checked where there are some, and the loss where there is a target', async () => {
    const some = await verdictOf(await copyOf('decoder_k3', { without: /^grad.*(norm|conv)/ }));
    expect(some.ok).toBe(true);
    expect([...errorsOf(some).keys()].filter((name) => name.startsWith('grad.'))).toHaveLength(9);
    const onlyForward = await verdictOf(await copyOf('decoder_k3', { without: /^grad|^target/ }));
    expect(onlyForward.ok).toBe(true);
    expect([...errorsOf(onlyForward).keys()]).toEqual(['output']);
    const onlyGradients = await verdictOf(
      await copyOf('decoder_k3', { without: 'output', metadata: { loss: undefined } }),
    );
    expect(onlyGradients.ok).toBe(true);
    expect(onlyGradients.checks).toHaveLength(27);
  });

  test('of what is no parameter are left out with a reason', async () => {
    const renamed = { 'grad.decoder.module_list.0.linear2.bias': 'grad.condition' };
    const { ok, checks } = await verdictOf(await copyOf('decoder_k3', { renamed }));
    expect(ok).toBe(true);
    expect(checks.filter(isSkipped)).toEqual([
      { name: 'grad.condition', skipped: true, reason: 'its decoder has no parameter of that name' },
    ]);
  });

  test('need a target', async () => {
    const verdict = await verdictOf(await copyOf('decoder_k3', { without: 'target' }));
    expect(verdict).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('tensor target is missing') },
    });
  });

  test('and output of a batch of 1 may lack its axis', async () => {
    const shapes = { condition: [4, 20, 24], target: [12, 6, 18], output: [12, 6, 18] };
    const verdict = await verdictOf(await copyOf('decoder_k11_small_axes', { shapes }));
    expect(verdict.error).toBeUndefined();
    expect(verdict.ok).toBe(true);
  });
});

describe('a training run', () => {
  test.each(['auto', 'direct', 'spectral'] as const)('passes, convolutions %s', async (algorithm) => {
    const verdict = await verdictOf(golden('training_run'), { algorithm, threads: 2 });
    expect(verdict).toMatchObject({ kind: 'training', ok: true });
    const checks = verdict.checks as Comparison[];
    expect(checks.slice(0, 3).map(({ name }) => name)).toEqual(['losses', 'learning_rates', 'grad_norms']);
    expect(checks.slice(3)).toHaveLength(27);
    for (const { name, tolerance } of checks.slice(3)) {
      expect(name).toMatch(/^final\./);
      expect(tolerance).toBe(1e-4);
    }
  });

  const scaled = (name: string, factor: number): Change => ({
    bytes: { [name]: floats((values) => values.set(values.map((value) => value * factor))) },
  });

  test.each<[string, Change, string[]]>([
    [
      'an end',
      scaled('final.decoder.module_list.0.linear2.weight', 1.001),
      ['final.decoder.module_list.0.linear2.weight'],
    ],
    ['the weight decay', { metadata: { weight_decay: '0.3' } }, ['final.decoder.module_list.0.linear2.weight']],
    ['the clipping', { metadata: { max_grad_norm: '0.1' } }, ['losses', 'grad_norms']],
    ['the betas', { metadata: { betas: '[0.5, 0.999]' } }, ['losses', 'grad_norms']],
    ['the learning rate', { metadata: { learning_rate: '0.0031' } }, ['losses', 'learning_rates']],
    ['the warm-up', { metadata: { warmup_steps: '5' } }, ['losses', 'learning_rates']],
    ['the end of the schedule', { metadata: { total_steps: '40' } }, ['losses', 'learning_rates']],
    ['a condition', { bytes: { conditions: floats((values) => values.reverse()) } }, ['losses', 'grad_norms']],
    ['a target', scaled('target', 1.1), ['losses', 'grad_norms']],
  ])('that has another of %s is found', async (_what, change, wrong) => {
    const verdict = await verdictOf(await copyOf('training_run', change));
    expect(verdict.error).toBeUndefined();
    expect(failedOf(verdict)).toEqual(expect.arrayContaining(wrong));
  });

  test('may say less: no batch, no steps, no curves, not every parameter', async () => {
    const metadata = { batch: undefined, steps: undefined, total_steps: undefined, losses: undefined };
    const { ok, checks } = await verdictOf(await copyOf('training_run', { metadata, without: /^final.*(norm|conv)/ }));
    expect(ok).toBe(true);
    expect(checks.map(({ name }) => name).slice(0, 2)).toEqual(['learning_rates', 'grad_norms']);
    expect(checks).toHaveLength(2 + 9);
  });

  test('of fewer steps than it has conditions for ends there', async () => {
    const metadata = { steps: '2', learning_rates: '[0.001, 0.002]', losses: undefined, grad_norms: undefined };
    const { ok, checks } = await verdictOf(await copyOf('training_run', { metadata, without: /^final/ }));
    expect({ ok, names: checks.map(({ name }) => name) }).toEqual({ ok: true, names: ['learning_rates'] });
  });

  test.each<[string, Change, string]>([
    ['more steps than conditions', { metadata: { steps: '31' } }, 'expected 31 steps by its metadata, got 30'],
    ['another batch', { metadata: { batch: '2' } }, 'expected 2 by its metadata, got [30, 3, 4, 12, 16]'],
    [
      'conditions of another shape',
      { shapes: { conditions: [30, 3, 4, 16, 12] } },
      'expected [steps, batch, 4, 12, 16] by features',
    ],
    [
      'a target of another shape',
      { shapes: { target: [3, 8, 10, 8] } },
      'target has the wrong shape; expected [3, 8, 8, 10] by features, got [3, 8, 10, 8]',
    ],
    ['one beta', { metadata: { betas: '[0.9]' } }, 'betas must be two numbers'],
    ['no eps', { metadata: { eps: undefined } }, 'its metadata lacks eps'],
    [
      'a learning rate in words',
      { metadata: { learning_rate: '"fast"' } },
      'metadata.learning_rate: is not valid; expected a number, got "fast"',
    ],
    [
      'a parameter that is missing',
      { without: /^initial.*0.linear2.bias/ },
      'tensor initial.decoder.module_list.0.linear2.bias is missing',
    ],
  ])('with %s fails with a reason', async (_what, change, sentence) => {
    expect(await verdictOf(await copyOf('training_run', change))).toMatchObject({
      kind: 'training',
      ok: false,
      checks: [],
      error: { code: 'CORRUPT_FILE', message: expect.stringContaining(sentence) },
    });
  });
});

describe('on a CUDA device, which does not train,', () => {
  const device: DeviceUse = { kind: 'cuda', ordinal: 0, name: 'a GPU', precision: 'mixed', fallback: null };
  const left = (name: unknown) => ({
    name,
    skipped: true,
    reason: expect.stringContaining('training runs on the CPU'),
  });

  test('gradients and loss are left out', async () => {
    const file = await GoldenFile.open(golden('decoder_k3'));
    const checks = await verifyGradients(file, { shape: decoderShape(file), batch: 2 }, { device });
    await file.close();
    expect(checks).toEqual([left('loss'), ...Array(27).fill(left(expect.stringMatching(/^grad\./)))]);
  });

  test('training runs are left out', async () => {
    const file = await GoldenFile.open(golden('training_run'));
    const checks = await verifyTraining(file, { device });
    await file.close();
    const names = ['losses', 'learning_rates', 'grad_norms'];
    expect(checks).toEqual([...names.map(left), ...Array(27).fill(left(expect.stringMatching(/^final\./)))]);
  });
});

describe('token importance', () => {
  const [CHECKPOINTS, TOKENS, HEIGHT, WIDTH] = [3, 4, 2, 5];
  const SIZE = HEIGHT * WIDTH;

  /** Random weight tokens, of which the third has three elements only, and their importance by its definition. */
  function example() {
    const tokens = numbers(CHECKPOINTS * TOKENS * SIZE);
    for (let checkpoint = 0; checkpoint < CHECKPOINTS; checkpoint++)
      tokens.fill(Number.NaN, (checkpoint * TOKENS + 2) * SIZE + 3, (checkpoint * TOKENS + 3) * SIZE);
    const deviation = (element: number) => {
      const values = Array.from(
        { length: CHECKPOINTS },
        (_, checkpoint) => tokens[checkpoint * TOKENS * SIZE + element]!,
      );
      const mean = values.reduce((sum, value) => sum + value) / CHECKPOINTS;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / CHECKPOINTS);
    };
    const valid = Array.from({ length: TOKENS }, (_, token) =>
      Array.from({ length: token === 2 ? 3 : SIZE }, (_, index) => deviation(token * SIZE + index)),
    );
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    const all = valid.flat();
    return { tokens, importance: valid.map((those) => ((sum(those) / those.length) * all.length) / sum(all)) };
  }

  async function write(importance: number[], { tokens, shape }: { tokens: Float32Array; shape: number[] }) {
    const sources: TensorSource[] = [
      { name: 'tokens', dtype: 'F32', shape, bytes: () => [new Uint8Array(tokens.buffer)] },
      {
        name: 'criterion_weight',
        dtype: 'F32',
        shape: [importance.length],
        bytes: () => [new Uint8Array(Float32Array.from(importance).buffer)],
      },
    ];
    const path = join(temporary(), 'importance.safetensors');
    await writeSafetensors(path, sources, { metadata: { kind: 'importance' } });
    return path;
  }

  test.each([
    ['of pictures', [CHECKPOINTS, TOKENS, HEIGHT, WIDTH]],
    ['of rows', [CHECKPOINTS, TOKENS, SIZE]],
  ])('%s passes', async (_what, shape) => {
    const { tokens, importance } = example();
    const verdict = await verdictOf(await write(importance, { tokens, shape }));
    expect(verdict).toMatchObject({ kind: 'importance', ok: true });
    expect(verdict.checks).toEqual([
      { name: 'criterion_weight', relativeError: expect.any(Number), tolerance: 1e-5, ok: true },
    ]);
  });

  test('that is another is found', async () => {
    const { tokens, importance } = example();
    importance[1]! *= 1.0001;
    const path = await write(importance, { tokens, shape: [CHECKPOINTS, TOKENS, HEIGHT, WIDTH] });
    expect(failedOf(await verdictOf(path))).toEqual(['criterion_weight']);
  });

  test('requires tokens of several checkpoints', async () => {
    const { tokens, importance } = example();
    const path = await write(importance, { tokens, shape: [tokens.length] });
    expect(await verdictOf(path)).toMatchObject({
      ok: false,
      error: { code: 'CORRUPT_FILE', message: expect.stringContaining('expected [checkpoints, tokens, …]') },
    });
  });
});
