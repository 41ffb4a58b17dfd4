import { abortAtSignals } from '../../../src/engine/index.js';

/** Backtracks for longer than anybody waits, and the event loop with it. */
const CATASTROPHIC = /^(a+)+$/;

const controller = new AbortController();
const release = abortAtSignals(controller);
const mode = process.argv[2];

if (mode === 'blocked') {
  process.stdout.write('ready\n', () => CATASTROPHIC.test(`${'a'.repeat(60)}!`));
} else if (mode === 'released') {
  release();
  process.stdout.write('ready\n');
  setInterval(() => {}, 1000);
} else {
  const timer = setInterval(() => {}, 1000);
  controller.signal.addEventListener('abort', () => {
    const { code, cause } = controller.signal.reason;
    process.stdout.write(`${code} ${cause}\n`);
    if (mode === 'ends') clearInterval(timer);
  });
  process.stdout.write('ready\n');
}
