import { DndError } from '../../../src/errors.js';
import type { CreateOptions } from '../../../src/generator/load-options.js';
import { digestOf } from '../bytes.js';
import { createTiny, PROMPTS } from '../tiny.js';

const KNOWN = new Set(['OUT_OF_MEMORY', 'DEVICE_UNAVAILABLE', 'INTERNAL']);

/**
 * Lets one runtime call after the other fail while a generator is made, makes two adapters and goes: what then comes, and
 * whether the next generator works. Until none was left to fail.
 */
async function main() {
  const settings: Partial<CreateOptions> = { device: 'cuda', ...JSON.parse(process.env.DND_TEST_SETTINGS ?? '{}') };
  const step = Number(process.env.DND_TEST_STEP ?? 1);
  const codes: Record<string, number> = {};
  const unexpected: string[] = [];
  const digests = new Set<string>();
  let failed = 0;
  for (let call = 1, calm = 0; calm < 2; call += step) {
    process.env.DND_EMULATOR_FAIL_AT = String(call);
    const outcome = await work(settings, digests);
    process.env.DND_EMULATOR_FAIL_AT = '0';
    calm = outcome === undefined ? calm + 1 : 0;
    if (outcome === undefined) continue;
    failed++;
    if (!(outcome instanceof DndError) || !KNOWN.has(outcome.code) || outcome.message.length < 20)
      unexpected.push(`call ${call}: ${outcome}`);
    else codes[outcome.code] = (codes[outcome.code] ?? 0) + 1;
    const next = await work(settings, digests);
    if (next !== undefined) unexpected.push(`after call ${call} failed: ${next}`);
  }
  console.log(JSON.stringify({ failed, codes, unexpected, digests: digests.size }));
}

/** What failed; undefined where nothing did. */
async function work(settings: Partial<CreateOptions>, digests: Set<string>): Promise<unknown> {
  try {
    const generator = await createTiny(settings);
    try {
      for (let round = 0; round < 2; round++) digests.add(digestOf(await generator.generate(PROMPTS)));
    } finally {
      generator.dispose();
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

void main();
