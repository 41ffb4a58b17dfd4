const { readFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const { Generator } = require('../../dist/index.js');
const { baseModelFromConfig } = require('../../dist/adapter/index.js');
const prompts = require('../../examples/prompts/gsm8k.json').map((item) => item.prompt ?? item);
const { quantile } = require('../statistics.cjs');

const INTERVAL_MS = 10;
const ENOUGH_SAMPLES = 200;

/** How late, in milliseconds, a timer that is due every 10 ms fires while `work` is under way. */
async function latenessDuring(work) {
  const lateness = [];
  let due = performance.now() + INTERVAL_MS;
  let timer = setTimeout(tick, INTERVAL_MS);
  function tick() {
    const now = performance.now();
    lateness.push(Math.max(0, now - due));
    due = now + INTERVAL_MS;
    timer = setTimeout(tick, INTERVAL_MS);
  }
  const began = performance.now();
  try {
    await work();
  } finally {
    clearTimeout(timer);
  }
  const now = performance.now();
  lateness.push(Math.max(0, now - due)); // a block that lasts until the end counts too
  return summarise(lateness, (now - began) / 1000);
}

function summarise(lateness, seconds) {
  const sorted = [...lateness].sort((a, b) => a - b);
  return {
    seconds,
    ticks: sorted.length,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    maxMs: sorted.at(-1),
  };
}

/** The text encoder if it fits the decoder, else the built-in one, whose channels are whatever is wanted. */
function encoderFor(channels, folder) {
  if (!folder) return 'hash';
  return JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).hidden_size === channels ? folder : 'hash';
}

/** How late a 10 ms timer fires while this thread only waits, and while a generator generates and saves. */
async function measure({ configuration, encoder, scratch, threads }) {
  const { preset, features, kernelSize, rank, base } = configuration;
  const decoder = preset ? { preset } : { features, kernelSize, rank };
  const textEncoder = encoderFor(features[0][2], encoder);
  const generator = await Generator.create({
    ...decoder,
    base: baseModelFromConfig(base, 'the benchmark'),
    encoder: textEncoder,
    threads,
  });
  try {
    const waiting = await latenessDuring(() => sleep(ENOUGH_SAMPLES * INTERVAL_MS));
    const fractions = [];
    let rounds = 0;
    const working = await latenessDuring(async () => {
      const until = performance.now() + ENOUGH_SAMPLES * INTERVAL_MS;
      do {
        const adapter = await generator.generate(prompts, { onProgress: (fraction) => fractions.push(fraction) });
        await adapter.save(join(scratch, `event-loop-${rounds++}`), { dtype: 'bf16' });
      } while (performance.now() < until);
    });
    const wrong = fractions.at(-1) === 1 ? [] : [`progress ended at ${fractions.at(-1)}; expected 1`];
    return { encoder: basename(textEncoder), rounds, waiting, working, progressReports: fractions.length, wrong };
  } finally {
    generator.dispose();
  }
}

module.exports = { measure };
