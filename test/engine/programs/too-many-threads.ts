import { cpuInfo } from '../../../src/engine/index.js';
import { conditionOf, createDecoder, SMALL } from '../decoders.js';

/** Decoders with one thread, and two with more threads than CPUs: what is warned of, and whether they agree. */
async function main() {
  const warnings: { code: string | undefined; message: string }[] = [];
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    warnings.push({ code: (warning as NodeJS.ErrnoException).code, message: warning.message });
  });
  const { usableCpus } = cpuInfo();
  const results: Buffer[] = [];
  const warnedAfter: number[] = [];
  for (const threads of [1, usableCpus, usableCpus + 1, usableCpus + 2]) {
    const engine = await createDecoder(SMALL, { threads });
    results.push(Buffer.from((await engine.forward(conditionOf(engine), 1)).buffer));
    engine.dispose();
    await new Promise(setImmediate);
    warnedAfter.push(warnings.length);
  }
  const same = results.every((result) => result.equals(results[0]!));
  console.log(JSON.stringify({ usableCpus, warnedAfter, warnings, same }));
}

void main();
