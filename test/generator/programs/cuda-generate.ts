import type { GeneratedAdapter } from '../../../src/generator/generated-adapter.js';
import type { Generator } from '../../../src/generator/generator.js';
import type { CreateOptions } from '../../../src/generator/load-options.js';
import { digestOf } from '../bytes.js';
import { createTiny, PROMPTS } from '../tiny.js';

const OTHERS = { few: ['Why is the sky blue?'], many: Array.from({ length: 9 }, (_, n) => `What is ${n} times ${n}?`) };

/** The largest ‖ours − theirs‖ / ‖theirs‖ of all tensors. */
function error(ours: GeneratedAdapter, theirs: GeneratedAdapter): number {
  return Math.max(
    ...Array.from(theirs.tensors, ([name, { data }]) => {
      const own = ours.tensors.get(name)!.data;
      let [difference, size] = [0, 0];
      for (const [index, value] of data.entries()) {
        difference += (own[index]! - value) ** 2;
        size += value ** 2;
      }
      return Math.sqrt(difference / size);
    }),
  );
}

async function all(generator: Generator): Promise<GeneratedAdapter[]> {
  const adapters: GeneratedAdapter[] = [];
  for await (const { adapter } of generator.generateMany({ own: PROMPTS, ...OTHERS }, { batchSize: 3 }))
    adapters.push(adapter);
  return adapters;
}

/** One adapter three times, by two generators, and three together, on the device that DND_TEST_SETTINGS ask for. */
async function main() {
  const settings = JSON.parse(process.env.DND_TEST_SETTINGS ?? '{}') as Partial<CreateOptions>;
  const fractions: number[] = [];
  const reference = await createTiny({ ...settings, device: 'cpu', memoryLimitBytes: undefined });
  const generator = await createTiny(settings);
  const first = await generator.generate(PROMPTS, { onProgress: (fraction) => fractions.push(fraction) });
  const again = await generator.generate(PROMPTS);
  const second = await createTiny(settings);
  const other = await second.generate(PROMPTS);
  const together = await all(generator);
  const expected = await reference.generate(PROMPTS);
  const expectedTogether = await all(reference);
  // Two generators and two calls at once.
  const atOnce = await Promise.all([generator, second, generator].map((each) => each.generate(PROMPTS)));
  console.log(
    JSON.stringify({
      device: first.report.device,
      batch: together.map(({ report }) => report.batch),
      digests: [first, again, other, ...atOnce].map(digestOf),
      error: error(first, expected),
      errorTogether: Math.max(...together.map((adapter, index) => error(adapter, expectedTogether[index]!))),
      norm: first.report.adapter.norm,
      fractions,
    }),
  );
  for (const each of [generator, second, reference]) each.dispose();
}

void main();
