const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { Trainer } = require('../../../dist/training/index.js');
const { summarise } = require('../../statistics.cjs');
const { BATCH } = require('./decoders.cjs');
const { writePairs } = require('./pairs.cjs');

/** Steps that are not counted: they encode each prompt and read each checkpoint for the first time. */
const FIRST_STEPS = 6;
/** Those that are: until so many seconds have passed, and at least so many. */
const ENOUGH_SECONDS = 20;
const QUICK_SECONDS = 1;
const LEAST_STEPS = 6;
const MOST_STEPS = 400;

/**
 * A real run on a pairs folder made for it: what of a step is waiting for data. The text encoder is the built-in one, as
 * the decoders' conditions are narrower than MiniLM's states; whichever it is, it encodes a prompt once.
 */
async function measureDataPath({ quick, scratch, threads }, decoder) {
  const { name, features, kernelSize, chunk } = decoder;
  const pairs = join(scratch, `pairs-${name}`);
  const size = await writePairs(pairs, decoder);
  const settings = {
    pairs,
    encoder: 'hash',
    features,
    kernelSize,
    chunk,
    batch: BATCH,
    steps: FIRST_STEPS + MOST_STEPS,
  };
  const rest = { evaluateEvery: 0, checkpointEvery: FIRST_STEPS + MOST_STEPS, threads };
  const trainer = await Trainer.create({ ...settings, ...rest, out: join(scratch, `run-${name}`) });
  const steps = [];
  let busy;
  const enough = quick ? QUICK_SECONDS : ENOUGH_SECONDS;
  try {
    let seconds = 0;
    for await (const step of trainer.run()) {
      steps.push(step);
      if (steps.length === FIRST_STEPS) busy = performance.eventLoopUtilization();
      if (steps.length > FIRST_STEPS) seconds += step.seconds;
      if (steps.length >= FIRST_STEPS + LEAST_STEPS && seconds >= enough) break;
    }
    busy = performance.eventLoopUtilization(busy);
  } finally {
    await trainer.dispose();
  }
  const of = (part, key) => summarise(part.map((step) => step[key]));
  const [first, later] = [steps.slice(0, FIRST_STEPS), steps.slice(FIRST_STEPS)];
  return {
    name,
    batch: BATCH,
    ...size,
    steps: later.length,
    step: of(later, 'seconds'),
    data: of(later, 'dataSeconds'),
    share: sumOf(later, 'dataSeconds') / sumOf(later, 'seconds'),
    firstShare: sumOf(first, 'dataSeconds') / sumOf(first, 'seconds'),
    firstSteps: FIRST_STEPS,
    busyShare: busy.utilization,
  };
}

const sumOf = (steps, key) => steps.reduce((total, step) => total + step[key], 0);

module.exports = { measureDataPath };
