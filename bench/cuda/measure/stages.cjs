const { rm } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { summarise } = require('../../statistics.cjs');
const { attempt } = require('./convolutions.cjs');
const { randomPrompts } = require('../prompts.cjs');

async function timed(work) {
  const began = performance.now();
  const result = await work();
  return [result, (performance.now() - began) / 1000];
}

/**
 * Seconds to fetch so many weight tokens: a decoder of one number and one tap computes next to nothing, and returns them.
 */
async function fetchSeconds({ engine, device, runs }, [tokens, height, width], batch) {
  const features = [
    [1, 1, 1],
    [tokens, height, width],
  ];
  const decoder = await engine.DecoderEngine.create({ features, kernelSize: 1, device: device.use });
  try {
    await decoder.initialise(0);
    const condition = new Float32Array(batch).fill(1);
    const seconds = [];
    for (let run = 0; run <= runs; run++) seconds.push((await timed(() => decoder.forward(condition, batch)))[1]);
    return summarise(seconds.slice(1));
  } finally {
    decoder.dispose();
  }
}

/** One batch of prompt sets to adapters on the disk; the stages that the report tells, and the writing. */
async function once(generator, batch, folder) {
  const sets = Object.fromEntries(
    Array.from({ length: batch }, (_, task) => [`set${task}`, randomPrompts(generator.promptsWanted, task)]),
  );
  const [{ report, write }, endToEnd] = await timed(async () => {
    let report;
    let write = 0;
    for await (const { name, adapter } of generator.generateMany(sets, { batchSize: batch })) {
      report = adapter.report;
      write += (await timed(() => adapter.save(join(folder, name), { dtype: 'bf16', force: true })))[1];
    }
    return { report, write };
  });
  return { ...report.seconds, write, endToEnd, batch: report.batch };
}

/** Prompts → adapters on the disk: each stage and the whole, for each batch. */
async function measure(context) {
  const { configuration, batches, encoder, scratch, runs, precision, Generator, baseModelFromConfig } = context;
  const { preset, features, kernelSize, rank, base } = configuration;
  const generator = await Generator.create({
    ...(preset ? { preset } : { features, kernelSize, rank }),
    base: baseModelFromConfig(base, 'the benchmark'),
    encoder: encoder ?? 'hash',
    device: 'cuda',
    ...(precision === 'fp32' && { precision }),
  });
  const rows = [];
  try {
    for (const batch of batches) {
      const measured = await attempt(async () => {
        const folder = join(scratch, 'adapters');
        const all = [];
        for (let run = 0; run <= runs; run++) all.push(await once(generator, batch, folder));
        await rm(folder, { recursive: true, force: true });
        const { batch: together, ...stages } = all[0];
        const figures = Object.keys(stages).map((stage) => [stage, summarise(all.slice(1).map((run) => run[stage]))]);
        return { together, ...Object.fromEntries(figures), fetch: await fetchSeconds(context, features.at(-1), batch) };
      }, 'leftOut');
      rows.push({ name: `batch ${batch}`, batch, ...measured });
    }
  } finally {
    generator.dispose();
  }
  return { encoder: encoder ?? 'hash', batches: rows };
}

module.exports = { measure };
