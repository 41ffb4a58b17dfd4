import { DecoderEngine, type Feature, TrainerEngine, type TrainingTasks } from '../../src/engine/index.js';
import { numbers, SMALL, sizeOf } from './decoders.js';
import {
  ADAMW,
  createTrainer,
  DEEP,
  digestOf,
  everythingOf,
  gradientsOf,
  KERNEL_SIZE,
  LARGE,
  MIDDLE,
  tasksFor,
  train,
} from './trainers.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const engines: (TrainerEngine | DecoderEngine)[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function trainer(...args: Parameters<typeof createTrainer>): Promise<TrainerEngine> {
  const engine = await createTrainer(...args);
  engines.push(engine);
  return engine;
}

function relativeError(found: Float32Array, wanted: Float32Array): number {
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(found.map((value, index) => value - wanted[index]!)) / (norm(wanted) || 1);
}

const withoutNoise = <T extends TrainingTasks>({ noise: _, ...tasks }: T) => tasks;

describe('a decoder in training', () => {
  test('has the parameters of a decoder, initialised alike', async () => {
    const engine = await trainer();
    const decoder = await DecoderEngine.create({ features: MIDDLE, kernelSize: KERNEL_SIZE });
    engines.push(decoder);
    await decoder.initialise(7);
    expect(engine.parameters).toEqual(decoder.parameters);
    expect(engine.parameterBytes).toBe(decoder.parameterBytes);
    for (const { name } of engine.parameters)
      expect(engine.readParameter(name, 0, 4)).toEqual(decoder.readParameter(name, 0, 4));
  });

  test('generates what the decoder gives, and sums up how far it is from the targets', async () => {
    const engine = await trainer();
    const decoder = await DecoderEngine.create({ features: MIDDLE, kernelSize: KERNEL_SIZE });
    engines.push(decoder);
    await decoder.initialise(7);
    const { condition, target, importance, batch } = tasksFor(MIDDLE, 2);
    const tokens = await engine.forward(condition, batch);
    const sums = await engine.accumulate({ condition, target, importance, batch });
    expect(relativeError(tokens, await decoder.forward(condition, batch))).toBeLessThan(1e-6);

    const size = sizeOf(MIDDLE.at(-1)!);
    const token = size / MIDDLE.at(-1)![0];
    for (const [task, found] of sums.entries()) {
      const wanted = { valid: 0, weightedSquares: 0, outputSquares: 0, targetSquares: 0, product: 0 };
      for (let index = 0; index < size; index++) {
        const [y, t] = [tokens[task * size + index]!, target[task * size + index]!];
        if (Number.isNaN(t)) continue;
        wanted.valid++;
        wanted.weightedSquares += importance![Math.floor(index / token)]! * (y - t) ** 2;
        wanted.outputSquares += y * y;
        wanted.targetSquares += t * t;
        wanted.product += y * t;
      }
      expect(Object.keys(found)).toEqual(Object.keys(wanted));
      expect(found.valid).toBe(wanted.valid);
      for (const name of ['weightedSquares', 'outputSquares', 'targetSquares', 'product'] as const)
        expect(Math.abs(found[name] - wanted[name])).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[name])));
    }
  });

  test('sums up the same each time without noise, and something else with it', async () => {
    const engine = await trainer();
    const tasks = tasksFor(MIDDLE);
    const sums = await engine.accumulate(withoutNoise(tasks));
    expect(await engine.accumulate(withoutNoise(tasks))).toEqual(sums);
    expect(await engine.accumulate(tasks)).not.toEqual(sums);
  });

  test('takes no importance as ones', async () => {
    const engine = await trainer();
    const tasks = tasksFor(MIDDLE);
    const ones = await engine.accumulate({ ...tasks, importance: new Float32Array(12).fill(1) });
    expect(await engine.accumulate({ ...tasks, importance: undefined })).toEqual(ones);
  });

  test('adds up the shares of a step', async () => {
    const engine = await trainer();
    const together = withoutNoise(tasksFor(MIDDLE, 2));
    together.target = together.target.map((value, index, all) =>
      Number.isNaN(all[index % (all.length / 2)]!) ? NaN : value || 1,
    );
    await engine.accumulate(together);
    const wanted = gradientsOf(engine);
    engine.resetGradient();
    for (const task of [0, 1]) {
      const half = (values: Float32Array) =>
        values.subarray((task * values.length) / 2, ((task + 1) * values.length) / 2);
      const [condition, target] = [half(together.condition), half(together.target)];
      await engine.accumulate({ ...together, condition, target, batch: 1, weight: 0.5 });
    }
    for (const [name, gradient] of gradientsOf(engine))
      expect(relativeError(gradient, wanted.get(name)!)).toBeLessThan(1e-4);
  });

  test('leaves out exactly what a normalisation takes away: biases over tokens before one', async () => {
    const biasOf = (layer: number) => `decoder.module_list.${layer}.linear2.bias`;
    const engine = await trainer(MIDDLE);
    await engine.accumulate(tasksFor(MIDDLE));
    await engine.accumulate(tasksFor(MIDDLE, 2, 5));
    expect(new Set(gradientsOf(engine).get(biasOf(0)))).toEqual(new Set([0]));
    expect(new Set(gradientsOf(engine).get(biasOf(1))).size).toBeGreaterThan(2);
    // A residual brings them past it.
    const withResidual = await trainer(SMALL);
    await withResidual.accumulate(tasksFor(SMALL));
    const gradients = gradientsOf(withResidual);
    expect(relativeError(gradients.get(biasOf(0))!, gradients.get(biasOf(1))!)).toBeLessThan(1e-5);
    expect(new Set(gradients.get(biasOf(0))).size).toBe(SMALL[1]![0]);
  });

  test('learns: the loss falls, the step counts', async () => {
    const engine = await trainer();
    const tasks = withoutNoise(tasksFor(MIDDLE));
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      const sums = await engine.accumulate(tasks);
      losses.push(sums.reduce((sum, { weightedSquares }) => sum + weightedSquares, 0));
      expect(await engine.update(1e-2)).toBeGreaterThan(0);
      expect(engine.step).toBe(step + 1);
    }
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });

  test.each(['direct', 'spectral'] as const)(
    'leaves the same bytes for any number of threads, %s',
    async (algorithm) => {
      const ends = new Set<string>();
      for (const threads of [1, 2, 3]) {
        const engine = await trainer(MIDDLE, { threads, algorithm });
        ends.add(digestOf(engine, await train(engine, 0, 3)));
      }
      expect(ends.size).toBe(1);
    },
  );

  test('leaves the same bytes with 8-bit moments for any number of threads', async () => {
    const ends = new Set<string>();
    for (const threads of [1, 2, 4]) {
      const engine = await trainer(MIDDLE, { moments: '8bit', threads });
      ends.add(digestOf(engine, await train(engine, 0, 3)));
    }
    expect(ends.size).toBe(1);
  });

  test('a gradient that is not finite changes nothing and is dropped', async () => {
    const engine = await trainer();
    await train(engine, 0, 1);
    const before = digestOf(engine);
    const tasks = withoutNoise(tasksFor(MIDDLE));
    await engine.accumulate({
      ...tasks,
      target: tasks.target.map((value) => value * 1e3),
      importance: new Float32Array(12).fill(3e38),
    });
    expect(await engine.update(1e-2)).not.toBeLessThan(Number.MAX_VALUE);
    expect(digestOf(engine)).toBe(before);
    await expect(engine.update(1e-2)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('noise is drawn anew for another stream, and the same for the same', async () => {
    const engine = await trainer();
    const tasks = tasksFor(MIDDLE);
    const noise = { key: 2 ** 53 - 1, stream: 2 ** 53 - 3, condition: 1e-2, target: 1e-2 };
    const first = await engine.accumulate({ ...tasks, noise });
    expect(await engine.accumulate({ ...tasks, noise })).toEqual(first);
    expect(await engine.accumulate({ ...tasks, noise: { ...noise, stream: 5 } })).not.toEqual(first);
    expect(await engine.accumulate({ ...tasks, noise: { ...noise, key: 5 } })).not.toEqual(first);
  });
});

describe('states', () => {
  test.each(['fp32', '8bit'] as const)(
    'in %s, with parameters and step, are all that training goes on from',
    async (moments) => {
      const engine = await trainer(MIDDLE, { moments });
      await train(engine, 0, 2);
      const saved = everythingOf(engine);
      const end = digestOf(engine, await train(engine, 2, 4));

      const resumed = await trainer(MIDDLE, { moments });
      for (const [name, values] of saved.parameters)
        resumed.writeParameter(name, 0, new Uint8Array(values.buffer), 'F32');
      for (const [name, bytes] of saved.states) {
        const cut = Math.floor(bytes.length / 3);
        resumed.writeState(name, cut, bytes.subarray(cut));
        resumed.writeState(name, 0, bytes.subarray(0, cut));
      }
      resumed.setStep(saved.step);
      expect(digestOf(resumed, await train(resumed, 2, 4))).toBe(end);
    },
  );

  test('start as zeros at step 0', async () => {
    const engine = await trainer();
    expect(engine.step).toBe(0);
    for (const [, bytes] of everythingOf(engine).states) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  test('are two numbers for each parameter, or a little more than two bytes for the large ones', async () => {
    const [full, quantised] = [await trainer(MIDDLE), await trainer(MIDDLE, { moments: '8bit' })];
    const bytesOf = ({ states }: TrainerEngine) =>
      states.reduce((sum, { dtype, elements }) => sum + elements * (dtype === 'F32' ? 4 : 1), 0);
    expect(full.stateBytes).toBe(2 * full.parameterBytes);
    expect(bytesOf(full)).toBe(full.stateBytes);
    expect(bytesOf(quantised)).toBe(quantised.stateBytes);
    expect(quantised.stateBytes).toBeLessThan(0.6 * full.stateBytes);
    expect(new Set(quantised.states.map(({ dtype }) => dtype))).toEqual(new Set(['F32', 'U8']));
  });
});

describe('memory', () => {
  test('is planned: what is kept, what is worked in, and what goes in', async () => {
    const engine = await trainer();
    const most = engine.memory(4);
    expect(most).toMatchObject({
      parameters: engine.parameterBytes,
      gradients: engine.parameterBytes,
      states: engine.stateBytes,
      keptLayers: MIDDLE.length - 1,
    });
    expect(most.total).toBe(most.parameters + most.gradients + most.states + most.activations + most.operands);
    expect(engine.memory(8).activations).toBeGreaterThan(most.activations);
  });

  /** Of limits that training works in, every plan that they lead to. */
  async function plansWithin(features: Feature[], batch: number) {
    const { total } = (await trainer(features)).memory(batch);
    const plans: { engine: TrainerEngine; limit: number; keptLayers: number; convolutionLimit: number }[] = [];
    for (let limit = 2 * total; ; limit = Math.floor(limit * 0.98)) {
      const engine = await trainer(features, { memoryLimitBytes: limit });
      const { keptLayers, convolutionLimit, total: needed } = engine.memory(batch);
      if (needed > limit) return plans;
      plans.push({ engine, limit, keptLayers, convolutionLimit });
    }
  }

  test('that is less keeps fewer layers and is kept to; computing them again leaves the same bytes', async () => {
    const plans = await plansWithin(DEEP, 2);
    const same = plans.flatMap((one) =>
      plans
        .filter((other) => other.convolutionLimit === one.convolutionLimit && other.keptLayers < one.keptLayers)
        .map((other) => [one, other] as const),
    );
    const [keeping, again] = same[0]!;
    expect(again.limit).toBeLessThan(keeping.limit);
    const norms = await train(keeping.engine, 0, 2);
    expect(digestOf(again.engine, await train(again.engine, 0, 2))).toBe(digestOf(keeping.engine, norms));
  });

  test('too little of it is said before the work, with what to lower', async () => {
    const { parameterBytes } = await trainer();
    const engine = await trainer(MIDDLE, { memoryLimitBytes: parameterBytes + 1000 });
    await expect(engine.accumulate(tasksFor(MIDDLE, 2))).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(
        /^a training step over a batch of 2: needs more memory than memoryLimitBytes leaves; expected at most 1\.00 kB, got [\d.]+ [kM]B\. Raise it, or lower the batch \(a batch of 1 needs [\d.]+ [kM]B\), or store AdamW's moments in 8 bits \('8bit'\), or use a smaller decoder$/,
      ),
    });
    await expect(engine.accumulate(tasksFor(MIDDLE, 1))).rejects.toMatchObject({
      message: expect.not.stringContaining('lower the batch'),
    });
  });

  test('too little of it for the parameters is said at once', async () => {
    const create = TrainerEngine.create({ features: MIDDLE, kernelSize: 5, optimiser: ADAMW, memoryLimitBytes: 1000 });
    await expect(create).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('the decoder in training (parameters in float32): needs'),
    });
  });
});

describe('a device', () => {
  const create = (device: 'auto' | 'cuda' | 'cuda:1') =>
    TrainerEngine.create({ features: MIDDLE, kernelSize: 5, optimiser: ADAMW, device });

  test.each(['cuda', 'cuda:1'] as const)('%s is refused: training runs on the CPU', async (device) => {
    await expect(create(device)).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: `training runs on the CPU, not on ${device}: choose the device cpu`,
    });
  });

  test('auto is the CPU', async () => {
    const engine = await create('auto');
    engines.push(engine);
    expect(engine.device.kind).toBe('cpu');
  });

  test('that nobody has is refused by its name', async () => {
    await expect(create('gpu' as 'auto')).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('no device "gpu"'),
    });
  });
});

describe('while a job is under way', () => {
  const large = () => trainer(LARGE, { threads: 1 });

  test('gradient, states, step and parameters are left alone', async () => {
    const engine = await large();
    const controller = new AbortController();
    const work = engine.accumulate(tasksFor(LARGE, 1), { signal: controller.signal });
    const { name } = engine.parameters[0]!;
    const state = engine.states[0]!.name;
    try {
      for (const call of [
        () => engine.readGradient(name, 0, 1),
        () => engine.resetGradient(),
        () => engine.readState(state, 0, 1),
        () => engine.writeState(state, 0, new Uint8Array(1)),
        () => engine.step,
        () => engine.setStep(1),
        () => engine.readParameter(name, 0, 1),
      ])
        expect(call).toThrow(
          expect.objectContaining({
            code: 'INVALID_ARGUMENT',
            message: expect.stringContaining('has a running job'),
          }),
        );
    } finally {
      controller.abort();
      await expect(work).rejects.toBe(controller.signal.reason);
    }
  });

  test('an AbortSignal stops it, and the step has no gradient', async () => {
    const engine = await large();
    const controller = new AbortController();
    const reason = new Error('enough');
    const seen: number[] = [];
    const work = engine.accumulate(tasksFor(LARGE, 1), {
      signal: controller.signal,
      onProgress: (fraction) => {
        seen.push(fraction);
        controller.abort(reason);
      },
    });
    await expect(work).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeLessThan(1);
    await expect(engine.update(1e-3)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(engine.step).toBe(0);
  });

  test('dispose stops it and what waits', async () => {
    const engine = await large();
    const jobs = [
      engine.accumulate(tasksFor(LARGE, 1), { onProgress: () => engine.dispose() }),
      engine.update(1e-3),
      engine.initialise(1),
    ];
    const disposed = expect.objectContaining({ name: 'DndError', code: 'DISPOSED' });
    expect(await Promise.allSettled(jobs)).toEqual(jobs.map(() => ({ status: 'rejected', reason: disposed })));
    expect(() => engine.states.length + engine.step).toThrow(disposed);
  });

  test('timers go on firing', async () => {
    const engine = await large();
    const controller = new AbortController();
    const reason = new Error('enough turns');
    let fired = 0;
    const timer = setInterval(() => {
      if (++fired === 20) controller.abort(reason);
    }, 5);
    try {
      await expect(engine.accumulate(tasksFor(LARGE, 1), { signal: controller.signal })).rejects.toBe(reason);
    } finally {
      clearInterval(timer);
    }
    expect(fired).toBeGreaterThanOrEqual(20);
  });
});

describe('wrong arguments are named, with what was expected and what was given:', () => {
  const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });

  test.each<[string, object, RegExp]>([
    ['beta1', { beta1: 1 }, /options\.beta1: expected a number ≥ 0 and < 1, got 1/],
    ['beta2', { beta2: -0.1 }, /options\.beta2: expected a number ≥ 0 and < 1, got -0.1/],
    ['eps', { eps: 0 }, /options\.eps: expected a finite number > 0, got 0/],
    ['weightDecay', { weightDecay: Number.NaN }, /options\.weightDecay: expected a finite number ≥ 0, got NaN/],
    ['maxGradientNorm', { maxGradientNorm: -1 }, /options\.maxGradientNorm: expected a finite number ≥ 0, got -1/],
    ['moments', { moments: '4bit' }, /options\.moments: expected one of "fp32", "8bit", got "4bit"/],
  ])('%s', async (_what, change, message) => {
    const create = TrainerEngine.create({ features: SMALL, kernelSize: 3, optimiser: { ...ADAMW, ...change } });
    await expect(create).rejects.toMatchObject(invalid(message));
  });

  test.each<[string, object, RegExp]>([
    [
      'condition',
      { condition: new Float32Array(59) },
      /condition: expected 240 bytes, float32 \[1, 3, 4, 5\], got 236/,
    ],
    ['target', { target: new Float32Array(73) }, /target: expected 288 bytes, float32 \[1, 4, 6, 3\], got 292 bytes/],
    ['importance', { importance: new Float32Array(3) }, /importance: expected 16 bytes, float32 \[4\], got 12 bytes/],
    ['batch', { batch: 0 }, /batch: expected a whole number ≥ 1, got 0/],
    ['weight', { weight: 0 }, /weight: expected a finite number > 0, got 0/],
    [
      'noise key',
      { noise: { key: 2 ** 53, stream: 0, condition: 0, target: 0 } },
      /noiseKey: expected a whole number ≥ 0/,
    ],
    ['noise stream', { noise: { key: 0, stream: -1, condition: 0, target: 0 } }, /noiseStream: .*got -1/],
    ['condition noise', { noise: { key: 0, stream: 0, condition: -1, target: 0 } }, /conditionNoise: .*≥ 0, got -1/],
    ['target noise', { noise: { key: 0, stream: 0, condition: 0, target: Infinity } }, /targetNoise: .*≥ 0, got Inf/],
  ])('%s', async (_what, change, message) => {
    const engine = await trainer(SMALL);
    await expect(engine.accumulate({ ...tasksFor(SMALL, 1), ...change })).rejects.toMatchObject(invalid(message));
  });

  test('learning rates, steps and places', async () => {
    const engine = await trainer(SMALL);
    const { name } = engine.parameters[0]!;
    const state = engine.states[0]!.name;
    await expect(engine.update(-1)).rejects.toMatchObject(
      invalid(/learningRate: expected a finite number ≥ 0, got -1/),
    );
    await expect(engine.update(1e-3)).rejects.toMatchObject(invalid(/./));
    for (const [call, message] of [
      [() => engine.setStep(0.5), /step: expected a whole number ≥ 0, got 0\.5/],
      [() => engine.readGradient(name, 0, 1), /./],
      [() => engine.readState('first.nothing', 0, 1), /name: expected the name of a state of this optimiser/],
      [
        () => engine.readState(state, 0, 2 ** 40),
        /byteOffset: expected bytes within the \d+ of .*got \[0, 1099511627776\)/,
      ],
      [() => engine.writeState(state, -1, new Uint8Array(1)), /byteOffset: expected a whole number ≥ 0, got -1/],
      [() => engine.writeState(state, 2 ** 52, new Uint8Array(1)), /byteOffset: expected bytes within/],
    ] as const)
      expect(call).toThrow(expect.objectContaining(invalid(message)));
    await engine.accumulate(tasksFor(SMALL, 1));
    expect(() => engine.readGradient(name, 1e6, 1)).toThrow(/elementOffset: expected elements within/);
    expect(() => engine.readGradient('nothing', 0, 1)).toThrow(/name: expected the name of a parameter of this model/);
    expect(engine.readGradient(name, 0, 2)).toHaveLength(2);
  });
});

test('a length projection is trained with the rest', async () => {
  const features: Feature[] = [
    [2, 6, 8],
    [3, 4, 6],
  ];
  const engine = await TrainerEngine.create({ features, kernelSize: 3, projectedFrom: 20, optimiser: ADAMW });
  engines.push(engine);
  await engine.initialise(3);
  const condition = numbers(2 * 20 * 8);
  await engine.accumulate({ ...tasksFor(features, 1), condition });
  const gradients = gradientsOf(engine);
  for (const name of ['down_proj.weight', 'down_proj.bias', 'gate_proj.weight', 'gate_proj.bias'])
    expect(gradients.get(name)!.some((value) => value !== 0)).toBe(true);
});
