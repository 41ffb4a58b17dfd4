import { CausalEngine, type CausalSequences } from '../../src/engine/index.js';
import { adaptersFor, createModel, LARGE, SIZES, sequencesOf } from './causals.js';

jest.setTimeout(120_000); // the machine may be slow and shared

const engines: CausalEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function model(...args: Parameters<typeof createModel>): Promise<CausalEngine> {
  const engine = await createModel(...args);
  engines.push(engine);
  return engine;
}

describe('a causal language model', () => {
  test('has the parameters of Hugging Face, initialised as asked', async () => {
    const engine = await model();
    const shapes = Object.fromEntries(engine.parameters.map(({ name, shape }) => [name, shape]));
    expect(shapes).toMatchObject({
      'model.embed_tokens.weight': [31, 12],
      'model.layers.0.self_attn.q_proj.weight': [16, 12],
      'model.layers.1.self_attn.k_proj.bias': [8],
      'model.layers.0.self_attn.q_norm.weight': [4],
      'model.layers.1.mlp.down_proj.weight': [12, 20],
      'model.layers.0.post_attention_layernorm.weight': [12],
      'model.norm.weight': [12],
      'lm_head.weight': [31, 12],
    });
    expect(engine.parameters).toHaveLength(2 * 14 + 3);
    const tied = await model({ ...SIZES, tiedHead: true });
    expect(tied.parameters.some(({ name }) => name === 'lm_head.weight')).toBe(false);
    expect([...engine.readParameter('model.norm.weight', 0, 12)]).toEqual(Array(12).fill(1));
    expect([...engine.readParameter('model.layers.0.self_attn.v_proj.bias', 0, 8)]).toEqual(Array(8).fill(0));
    const table = engine.readParameter('model.embed_tokens.weight', 0, 31 * 12);
    const deviation = Math.sqrt(table.reduce((sum, value) => sum + value ** 2, 0) / table.length);
    expect(deviation).toBeGreaterThan(0.35);
    expect(deviation).toBeLessThan(0.45);
  });

  test('gives logits, and likelihoods that follow from them', async () => {
    const engine = await model();
    const batch = sequencesOf([6, 1, 9]);
    const logits = await engine.logits(batch);
    expect(logits).toHaveLength(16 * 31);
    const labels = batch.ids.slice();
    labels[3] = -100;
    const [first, second] = await engine.logLikelihoods(batch, labels);
    let expected = 0;
    const mostLikely: number[] = [];
    for (const row of [1, 2, 4, 5]) {
      const scores = logits.subarray((row - 1) * 31, row * 31);
      mostLikely.push(scores.indexOf(Math.max(...scores)));
      expected += scores[labels[row]!]! - Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
    }
    const predictions = Int32Array.from(mostLikely).buffer;
    expect(first).toEqual({ sum: expect.closeTo(expected, 4), count: 4, predictions });
    expect(second).toEqual({ sum: 0, count: 0, predictions: new ArrayBuffer(0) });
  });

  test('generates what repeated logits say, for each sequence with its own adapter', async () => {
    const engine = await model();
    const batch = { ...sequencesOf([6, 3, 9]), lora: adaptersFor(SIZES, 2, [1, -1, 0]) };
    const generated = await engine.generate(batch, { maxNewTokens: 7 });
    let first = 0;
    for (const [index, length] of batch.lengths.entries()) {
      const ids = [...batch.ids.subarray(first, first + length)];
      const lora = { ...batch.lora, adapterOf: [batch.lora.adapterOf[index]!] };
      for (let i = 0; i < 7; i++) {
        const logits = await engine.logits({ ids: Int32Array.from(ids), lengths: [ids.length], lora });
        const last = logits.subarray(-31);
        ids.push(last.indexOf(Math.max(...last)));
      }
      expect([...generated[index]!.ids]).toEqual(ids.slice(length));
      expect(generated[index]!.ended).toBe(false);
      first += length;
    }
  });

  test('draws the same tokens for a sequence whatever else is in the batch, and others with another seed', async () => {
    const engine = await model();
    const settings = { maxNewTokens: 12, temperature: 1, topK: 20, topP: 0.95, seed: 3 };
    const together = await engine.generate(sequencesOf([6, 3]), { ...settings, streams: [4, 5] });
    const alone = await engine.generate(
      { ids: sequencesOf([6, 3]).ids.subarray(6), lengths: [3] },
      { ...settings, streams: [5] },
    );
    expect(alone[0]).toEqual(together[1]);
    const other = await engine.generate(sequencesOf([6, 3]), { ...settings, seed: 4, streams: [4, 5] });
    expect(other[1]).not.toEqual(together[1]);
  });

  test('generates in parts when the cache of all sequences does not fit, with the same result', async () => {
    const lengths = Array<number>(40).fill(20);
    const settings = { maxNewTokens: 30, temperature: 1, seed: 5 };
    const engine = await model();
    const whole = await engine.generate(sequencesOf(lengths), settings);
    const bytes = engine.sharedHandle.generationBytes({ ...sequencesOf(lengths), lengths, lora: null }, 30);
    const small = await model(SIZES, { memoryLimitBytes: engine.parameterBytes + Math.floor(bytes * 0.4) });
    const progress: number[] = [];
    expect(
      await small.generate(sequencesOf(lengths), settings, { onProgress: (share) => progress.push(share) }),
    ).toEqual(whole);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test('gives the gradient of each adapter of a batch', async () => {
    const engine = await model();
    const batch = { ...sequencesOf([6, 3, 9]), lora: adaptersFor(SIZES, 3, [1, -1, 1]) };
    const { likelihoods, gradients } = await engine.adapterGradients(batch, batch.ids, 0.1);
    expect(await engine.logLikelihoods(batch, batch.ids)).toMatchObject(likelihoods);
    expect(gradients.map((values) => values.some((value) => value !== 0))).toEqual([false, true, false]);
    const adapter = batch.lora.adapters[1]!;
    const gradient = gradients[1]!;
    const place = gradient.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradient[best]!) ? i : best), 0);
    const lossAt = async (change: number) => {
      const changed = adapter.slice();
      changed[place]! += change;
      const adapters = [batch.lora.adapters[0]!, changed, batch.lora.adapters[2]!];
      const sums = await engine.logLikelihoods({ ...batch, lora: { ...batch.lora, adapters } }, batch.ids);
      return -0.1 * sums.reduce((total, { sum }) => total + sum, 0);
    };
    const slope = ((await lossAt(0.01)) - (await lossAt(-0.01))) / 0.02;
    expect(gradient[place]! / slope).toBeCloseTo(1, 1);
  });
});

describe('gradients of adapters with teachers', () => {
  test('are those of the divergence from what the teachers predict, which labels do not change', async () => {
    const engine = await model();
    const own = adaptersFor(SIZES, 2, [1, 0, 1]);
    const teachers = adaptersFor(SIZES, 4, [0, 0, 0]).adapters.slice(2);
    const batch = { ...sequencesOf([6, 3, 9]), lora: { ...own, teachers } };
    const { likelihoods, gradients } = await engine.adapterGradients(batch, batch.ids, 1);
    expect(likelihoods.map(({ count }) => count)).toEqual([5, 2, 8]);
    for (const { sum } of likelihoods) expect(sum).toBeLessThan(0);
    for (const gradient of gradients) expect(gradient.some((value) => value !== 0)).toBe(true);
    const others = batch.ids.map((id) => (id + 1) % SIZES.vocabSize);
    expect(await engine.adapterGradients(batch, others, 1)).toEqual({ likelihoods, gradients });
    const taught = { ...batch, lora: { ...own, teachers: own.adapters } };
    const none = await engine.adapterGradients(taught, batch.ids, 1);
    for (const { sum } of none.likelihoods) expect(Math.abs(sum)).toBeLessThan(1e-12);
  });

  test('take more memory, and are refused for some adapters only', async () => {
    const engine = await model();
    const batch = { ...sequencesOf([6, 3]), lora: adaptersFor(SIZES, 2, [1, 0]) };
    const taught = (count: number) => {
      return { ...batch, lora: { ...batch.lora, teachers: batch.lora.adapters.slice(0, count) } };
    };
    expect(engine.gradientMemory(taught(2), batch.ids).activations).toBeGreaterThan(
      engine.gradientMemory(batch, batch.ids).activations,
    );
    await expect(engine.adapterGradients(taught(1), batch.ids, 1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/there are 1 teachers; expected one for each of 2 adapters, or none/),
    });
  });
});

describe('a causal language model refuses', () => {
  const refusals: [string, (batch: CausalSequences & { ids: Int32Array }) => CausalSequences, RegExp][] = [
    [
      'an id outside its vocabulary',
      ({ lengths }) => ({ ids: new Int32Array(9).fill(31), lengths }),
      /token id 31 of sequence 0/,
    ],
    ['a negative id', ({ lengths }) => ({ ids: new Int32Array(9).fill(-1), lengths }), /token id -1/],
    ['a sequence longer than its positions', () => sequencesOf([65]), /sequence 0 has 65 tokens; it must have 1 to 64/],
    ['lengths that are not those of the ids', ({ ids }) => ({ ids, lengths: [4] }), /16 bytes|sum of the lengths/],
    ['no sequences', () => ({ ids: new Int32Array(0), lengths: [] }), /at least one sequence/],
    [
      'an adapter of another size',
      (batch) => {
        const lora = adaptersFor(SIZES, 1, [0, 0]);
        return { ...batch, lora: { ...lora, adapters: [lora.adapters[0]!.subarray(1)] } };
      },
      /adapters\[0\].*float32/,
    ],
    ['an adapter that is not there', (batch) => ({ ...batch, lora: adaptersFor(SIZES, 1, [0, 1]) }), /no adapter 1/],
    [
      'modules that are none',
      (batch) => ({ ...batch, lora: { ...adaptersFor(SIZES, 1, [0, 0]), modules: ['k_proj', 'lm_head'] } }),
      /modules\[1\].*"lm_head"/,
    ],
    [
      'layers that it does not have',
      (batch) => ({ ...batch, lora: { ...adaptersFor(SIZES, 1, [0, 0]), layers: [0, 2] } }),
      /has layer 2/,
    ],
  ];
  test.each(refusals)('%s', async (_, change, message) => {
    const engine = await model();
    const batch = change(sequencesOf([5, 4]));
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
    await expect(engine.logits(batch)).rejects.toEqual(refused);
    await expect(engine.generate(batch, { maxNewTokens: 2 })).rejects.toEqual(refused);
    await expect(engine.logLikelihoods(batch, batch.ids)).rejects.toEqual(refused);
  });

  test('labels that are none of its vocabulary, or not as many as ids', async () => {
    const engine = await model();
    const batch = sequencesOf([5]);
    await expect(engine.logLikelihoods(batch, new Int32Array(5).fill(40))).rejects.toThrow(/label 40 of sequence 0/);
    await expect(engine.logLikelihoods(batch, new Int32Array(4))).rejects.toThrow(/one for each of 5 token ids/);
    await expect(engine.adapterGradients(batch, batch.ids, 1)).rejects.toThrow(/no adapters/);
  });

  test('sizes that do not fit together', async () => {
    await expect(CausalEngine.create({ ...SIZES, kvHeads: 3 })).rejects.toThrow(/4 heads are not a multiple of its 3/);
    await expect(CausalEngine.create({ ...SIZES, windows: [0] })).rejects.toThrow(/one for each of 2 layers/);
  });

  test('work that does not fit into the memory limit, before it begins', async () => {
    const engine = await model(SIZES, { memoryLimitBytes: 40_000 });
    const refused = (what: RegExp) =>
      expect.objectContaining({ code: 'OUT_OF_MEMORY', message: expect.stringMatching(what) });
    const batch = sequencesOf([60, 60]);
    await expect(engine.logits(batch)).rejects.toEqual(refused(/logits of 2 sequences of 120 tokens/));
    await expect(engine.generate(batch, { maxNewTokens: 4 })).rejects.toEqual(refused(/generating 4 tokens after 60/));
    await expect(CausalEngine.create({ ...LARGE, memoryLimitBytes: 1_000_000 })).rejects.toEqual(
      refused(/the language model/),
    );
  });
});

describe('work of a causal language model', () => {
  const kinds: [string, (engine: CausalEngine, batch: CausalSequences, signal?: AbortSignal) => Promise<unknown>][] = [
    ['logits', (engine, batch, signal) => engine.logits(batch, { signal })],
    ['hidden states', (engine, batch, signal) => engine.hiddenStates(batch, 8, { signal })],
    ['generation', (engine, batch, signal) => engine.generate(batch, { maxNewTokens: 400 }, { signal })],
    [
      'gradients',
      (engine, { ids, lengths }, signal) =>
        engine.adapterGradients(
          {
            ids,
            lengths,
            lora: adaptersFor(
              LARGE,
              1,
              lengths.map(() => 0),
            ),
          },
          ids,
          1,
          { signal },
        ),
    ],
  ];
  test.each(kinds)('%s stops at a signal with its reason, and the next works', async (_, start) => {
    const engine = await model(LARGE);
    const batch = sequencesOf([100, 90], LARGE);
    const controller = new AbortController();
    const work = start(engine, batch, controller.signal);
    setTimeout(() => controller.abort(new Error('enough')), 5);
    await expect(work).rejects.toThrow('enough');
    expect(await engine.logits(sequencesOf([2], LARGE))).toHaveLength(2 * 4000);
  });

  test.each(kinds)('%s ends with DISPOSED when its engine is disposed of in the middle', async (_, start) => {
    const engine = await model(LARGE);
    const work = start(engine, sequencesOf([100, 90], LARGE));
    setTimeout(() => engine.dispose(), 5);
    await expect(work).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(start(engine, sequencesOf([2], LARGE))).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});
