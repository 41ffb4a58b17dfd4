import { SingleBar } from 'cli-progress';
import type { Stage } from '../generator/progress.js';
import type { Io } from './io.js';

type ShownStage =
  | Stage
  | 'download'
  | 'convert'
  | 'measure'
  | 'pairs'
  | 'normalisation'
  | 'components'
  | 'importance'
  | 'evaluate'
  | 'demo'
  | 'read'
  | 'merge'
  | 'compare'
  | 'compose';

const LABELS: Record<ShownStage, string> = {
  download: 'downloading',
  load: 'loading the generator',
  initialise: 'initialising the decoder',
  encode: 'encoding prompts',
  decode: 'decoding',
  restore: 'reconstructing the adapter',
  save: 'saving',
  convert: 'converting',
  measure: 'measuring convolutions',
  pairs: 'reading the pairs',
  normalisation: 'computing the mean of the checkpoints',
  components: 'computing principal components',
  importance: 'computing token importance',
  evaluate: 'evaluating',
  demo: 'answering prompts',
  read: 'reading adapters',
  merge: 'merging',
  compare: 'comparing adapters',
  compose: 'composing adapters',
};
const LABEL_WIDTH = Math.max(...Object.values(LABELS).map((label) => label.length));

export interface ProgressView {
  /** Progress of one long call: its stage and the fraction done. */
  onProgress: (fraction: number, stage: ShownStage) => void;
  /** Removes the bar; must be called whether or not the call succeeded. */
  stop(): void;
}

/** A bar on a terminal; elsewhere a line for each stage; with `quiet` and no terminal nothing. */
export function showProgress(io: Io, quiet: boolean | undefined): ProgressView {
  if (io.stderr.isTTY) return progressBar(io);
  if (quiet) return { onProgress: () => {}, stop: () => {} };
  let last: ShownStage | undefined;
  return {
    onProgress: (_, stage) => {
      if (stage !== last) io.stderr.write(`${LABELS[stage]} …\n`);
      last = stage;
    },
    stop: () => {},
  };
}

function progressBar(io: Io): ProgressView {
  const bar = new SingleBar({
    format: '{label} [{bar}] {percentage}% {duration_formatted}',
    stream: io.stderr as NodeJS.WritableStream,
    hideCursor: true,
    clearOnComplete: true,
    // Its listeners would consume a second Ctrl-C, which must end the process.
    gracefulExit: false,
    barsize: 30,
  });
  let started = false;
  return {
    onProgress: (fraction, stage) => {
      const payload = { label: LABELS[stage].padEnd(LABEL_WIDTH) };
      if (!started) bar.start(1, fraction, payload);
      started = true;
      bar.update(fraction, payload);
    },
    stop: () => bar.stop(),
  };
}
