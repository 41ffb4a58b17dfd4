import { type CausalEngine, CausalTrainerEngine, type CausalTrainerEngineOptions } from '../../src/engine/index.js';
import { ADAMW, createModel, LARGE, LORA, parametersOf, SIZES, sequencesOf } from './causals.js';

jest.setTimeout(120_000); // the machine may be slow and shared

const engines: (CausalEngine | CausalTrainerEngine)[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function model(...args: Parameters<typeof createModel>): Promise<CausalEngine> {
  const engine = await createModel(...args);
  engines.push(engine);
  return engine;
}

async function trainer(
  base: CausalEngine,
  options: Partial<CausalTrainerEngineOptions> = {},
): Promise<CausalTrainerEngine> {
  const engine = await CausalTrainerEngine.create(base, { parameters: LORA, optimiser: ADAMW, threads: 2, ...options });
  engines.push(engine);
  return engine;
}

async function steps(engine: CausalTrainerEngine, count: number): Promise<void> {
  const batch = sequencesOf([9, 5, 12]);
  for (let step = 0; step < count; step++) {
    await engine.accumulate(batch, batch.ids, 0.05);
    await engine.update(0.01);
  }
}

describe('an adapter in training', () => {
  test("has PEFT's names in the order of its layout, and begins as the base model", async () => {
    const base = await model();
    const engine = await trainer(base);
    await engine.initialise(3);
    const path = 'base_model.model.model.layers.';
    expect(engine.parameters.slice(0, 3)).toEqual([
      { name: `${path}0.self_attn.q_proj.lora_A.weight`, shape: [2, 12] },
      { name: `${path}0.self_attn.q_proj.lora_B.weight`, shape: [16, 2] },
      { name: `${path}0.self_attn.v_proj.lora_A.weight`, shape: [2, 12] },
    ]);
    expect(engine.parameters.at(-1)).toEqual({ name: `${path}1.mlp.down_proj.lora_B.weight`, shape: [12, 2] });
    const batch = sequencesOf([9, 4]);
    expect(await base.logLikelihoods(batch, batch.ids)).toMatchObject(await engine.accumulate(batch, batch.ids, 1));
  });

  test('learns, and gives in a batch what it learnt', async () => {
    const base = await model();
    const before = parametersOf(base);
    const engine = await trainer(base);
    await engine.initialise(3);
    const batch = sequencesOf([9, 5, 12]);
    const first = await engine.accumulate(batch, batch.ids, 0.05);
    engine.resetGradient();
    await steps(engine, 30);
    const last = await engine.accumulate(batch, batch.ids, 0.05);
    const total = (sums: typeof first) => sums.reduce((sum, sequence) => sum + sequence.sum, 0);
    expect(total(last)).toBeGreaterThan(0.85 * total(first));
    const adapter = Float32Array.from(parametersOf(engine).flatMap((values) => [...values]));
    const lora = { ...LORA, adapters: [adapter], adapterOf: [0, 0, 0] };
    expect(await base.logLikelihoods({ ...batch, lora }, batch.ids)).toMatchObject(last);
    expect(parametersOf(base)).toEqual(before);
  });

  test('goes on from a checkpoint byte for byte', async () => {
    const base = await model();
    const whole = await trainer(base);
    await whole.initialise(3);
    await steps(whole, 4);
    const half = await trainer(base);
    await half.initialise(3);
    await steps(half, 2);
    const resumed = await trainer(base);
    for (const [index, { name }] of half.parameters.entries()) {
      const values = parametersOf(half)[index]!;
      resumed.writeParameter(name, 0, new Uint8Array(values.buffer), 'F32');
    }
    for (const { name, elements } of half.states) resumed.writeState(name, 0, half.readState(name, 0, 4 * elements));
    resumed.setStep(half.step);
    await steps(resumed, 2);
    expect(parametersOf(resumed)).toEqual(parametersOf(whole));
    expect(resumed.step).toBe(4);
  });

  test('learns the same bytes with less memory and other threads', async () => {
    const base = await model();
    const usual = await trainer(base);
    await usual.initialise(3);
    await steps(usual, 2);
    const batch = sequencesOf([9, 5, 12]);
    const most = usual.memory(batch, batch.ids);
    expect(most.savedLayers).toBe(2);
    const tiny = await trainer(base, { memoryLimitBytes: 30_000 });
    const least = tiny.memory(batch, batch.ids);
    expect(least.savedLayers).toBe(0);
    const saved = new Set<number>();
    for (const memoryLimitBytes of [least.total, Math.ceil((least.total + most.total) / 2), most.total - 1]) {
      const engine = await trainer(base, { memoryLimitBytes, threads: 1 });
      await engine.initialise(3);
      saved.add(engine.memory(batch, batch.ids).savedLayers);
      await steps(engine, 2);
      expect(parametersOf(engine)).toEqual(parametersOf(usual));
    }
    expect(saved).toEqual(new Set([0, 1]));
    await tiny.initialise(3);
    await expect(tiny.accumulate(batch, batch.ids, 1)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('refuses batches that it cannot learn', async () => {
    const base = await model();
    const engine = await trainer(base);
    await engine.initialise(3);
    const batch = sequencesOf([9]);
    await expect(engine.accumulate(batch, new Int32Array(9).fill(31), 1)).rejects.toThrow(/label 31/);
    await expect(engine.accumulate(sequencesOf([65]), new Int32Array(65), 1)).rejects.toThrow(/65 tokens/);
    await expect(engine.update(0.1)).rejects.toThrow(/no gradient was accumulated/);
    await expect(trainer(base, { parameters: { ...LORA, layers: [1, 0] } })).rejects.toThrow(/must ascend/);
    await expect(trainer(base, { parameters: { ...LORA, modules: ['v_proj', 'q_proj'] } })).rejects.toThrow(/order/);
  });
});

describe('every parameter in training', () => {
  test('changes the model that shares them', async () => {
    const base = await model();
    const engine = await trainer(base, { parameters: { trained: 'all' } });
    expect(engine.parameters).toEqual(base.parameters);
    await steps(engine, 20);
    expect(parametersOf(engine)).toEqual(parametersOf(base));
    const batch = sequencesOf([9, 5, 12]);
    expect(await base.logLikelihoods(batch, batch.ids)).toMatchObject(await engine.accumulate(batch, batch.ids, 0.05));
  });
});

describe('training', () => {
  test('stops at a signal, and the step has lost its gradient', async () => {
    const base = await model(LARGE);
    const engine = await trainer(base);
    await engine.initialise(3);
    const batch = sequencesOf([100, 90], LARGE);
    const controller = new AbortController();
    const work = engine.accumulate(batch, batch.ids, 1, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 5);
    await expect(work).rejects.toThrow('enough');
    await expect(engine.update(0.1)).rejects.toThrow(/no gradient was accumulated/);
  });

  test('outlives the engine that it shares its parameters with', async () => {
    const base = await model(LARGE);
    const engine = await trainer(base);
    await engine.initialise(3);
    const batch = sequencesOf([100, 90], LARGE);
    const work = engine.accumulate(batch, batch.ids, 1);
    base.dispose();
    expect(await work).toHaveLength(2);
    expect(await engine.accumulate(batch, batch.ids, 1)).toEqual(await work);
    await expect(trainer(base)).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('ends with DISPOSED when it is disposed of in the middle', async () => {
    const engine = await trainer(await model(LARGE));
    await engine.initialise(3);
    const batch = sequencesOf([100, 90], LARGE);
    const work = engine.accumulate(batch, batch.ids, 1);
    setTimeout(() => engine.dispose(), 5);
    await expect(work).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('reports progress to the end', async () => {
    const engine = await trainer(await model(LARGE));
    await engine.initialise(3);
    const batch = sequencesOf([100, 90], LARGE);
    const progress: number[] = [];
    await engine.accumulate(batch, batch.ids, 1, { onProgress: (share) => progress.push(share) });
    expect(progress.at(-1)).toBe(1);
    expect(progress.length).toBeGreaterThan(1);
  });

  test('takes only a model of the addon', async () => {
    const base = await model();
    Object.defineProperty(base, 'sharedHandle', { value: {} });
    await expect(trainer(base)).rejects.toThrow(/a CausalHandle/);
    expect(SIZES.layers).toBe(2);
  });
});
