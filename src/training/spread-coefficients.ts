import type { JobOptions } from '../engine/index.js';
import { conditionShape } from '../generator/decoder-shape.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { LearnedBasisDecoder } from './learned-basis.js';
import { drawTexts } from './sampler.js';
import { nameNumber, STREAMS } from './streams.js';
import type { TrainerParts } from './trainer-parts.js';

/** Tasks whose conditions a learned basis starts from, at most: enough for a mean and a deviation. */
const MOST_TASKS = 256;
/** Tasks that are decoded together. */
const TOGETHER = 16;

/**
 * Makes an untrained decoder that ends in coefficients of a learned basis tell the training tasks apart
 * (`LearnedBasisDecoder.spread`).
 * @throws DndError as `TextEncoder.encode`; `signal.reason`
 */
export async function spreadCoefficients(
  learned: LearnedBasisDecoder,
  { manifest, settings, work }: Pick<TrainerParts, 'manifest' | 'settings' | 'work'>,
  options: JobOptions = {},
): Promise<void> {
  const { seed } = settings;
  const { states, tasks } = work;
  const random = SplitMix64.derived(seed, STREAMS.start);
  const chosen = random.sample(tasks.length, Math.min(MOST_TASKS, tasks.length)).map((index) => tasks[index]!);
  const [prompts] = conditionShape(manifest.decoder);
  const coefficients: Float32Array[] = [];
  for (let first = 0; first < chosen.length; first += TOGETHER) {
    const some = chosen.slice(first, first + TOGETHER);
    const texts = some.flatMap((task) => {
      return drawTexts(task.texts, prompts, SplitMix64.derived(seed, STREAMS.start, nameNumber(task.name)));
    });
    const condition = new Float32Array(texts.length * states.size);
    await states.fill(texts, condition, { signal: options.signal });
    coefficients.push(...(await learned.coefficients(condition, some.length, options)));
  }
  await learned.spread(coefficients, options);
}
