import { AdapterLayout, LoraAdapter } from '../../src/adapter/index.js';
import { DecoderEngine } from '../../src/engine/index.js';
import { conditionOf } from '../engine/decoders.js';
import { TINY_BASE, TINY_SETTINGS } from './tiny.js';

/** Ranks, chunks and modules that make tokens ragged: a last chunk that is shorter, rows to spare. */
test.each([[{ rank: 2 }], [{ rank: 3, chunk: 20 }], [{ rank: 5, chunk: 64, modules: ['q_proj', 'down_proj'] }]])(
  'the engine restores what the layout does: %p',
  async (options) => {
    const layout = new AdapterLayout({ base: TINY_BASE, ...options });
    const tokens = [layout.tokenCount, layout.tokenHeight, layout.tokenWidth] as const;
    const engine = await DecoderEngine.create({ features: [TINY_SETTINGS.features[0], tokens], kernelSize: 3 });
    await engine.initialise(1);
    const condition = conditionOf(engine);
    const settings = { alpha: 4 };
    const weightTokens = await engine.forward(condition, 1);
    const [values] = await engine.adapters(condition, 1, layout.flat());
    engine.dispose();
    const expected = await LoraAdapter.fromTokens(layout, weightTokens, settings);
    const adapter = LoraAdapter.fromValues(layout, values!, settings);
    expect(adapter.config).toEqual(expected.config);
    expect([...adapter.tensors.keys()]).toEqual([...expected.tensors.keys()]);
    for (const [name, { shape, data }] of expected.tensors) {
      const own = adapter.tensors.get(name)!;
      expect(own.shape).toEqual(shape);
      // Both in double precision; only the exponential may differ in its last bit.
      for (const [index, value] of data.entries())
        expect(Math.abs(own.data[index]! - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value));
    }
  },
);

test('values of another number are no adapter of a layout', () => {
  const layout = new AdapterLayout({ base: TINY_BASE, rank: 2 });
  expect(() => LoraAdapter.fromValues(layout, new Float32Array(7), { alpha: 1 })).toThrow(
    `an adapter of this layout has ${layout.elementCount} elements, not 7`,
  );
});
