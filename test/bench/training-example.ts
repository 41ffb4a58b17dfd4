import { figure } from './example.js';

const batchOf = (batch: number, ours: number) => ({
  name: `batch ${batch}`,
  batch,
  ours: figure(ours),
  ours8bit: figure(1.1 * ours),
  peer: figure(6 * ours),
  oursForward: figure(0.3 * ours),
  peerForward: figure(2 * ours),
  oursGradient: figure(0.9 * ours),
  oursUpdate: figure(0.1 * ours),
  ours8bitUpdate: figure(0.2 * ours),
  memory: { activations: 3e8, keptLayers: 3 },
  losses: [1, 0.5],
  relativeErrors: { moments: 1e-3, loss: 2e-6, gradientNorm: 3e-6 },
});

/** With the batch of the marks the peer is measured in bfloat16 too. */
const withBfloat16 = ({ relativeErrors, ...row }: ReturnType<typeof batchOf>) => ({
  ...row,
  relativeErrors: { ...relativeErrors, bfloat16Loss: 2e-3, bfloat16GradientNorm: 3e-2 },
  peerBfloat16: figure(4 * row.ours.median),
});

const decoder = (name: string, parameters: number, ours: number) => ({
  name,
  features: [
    [2, 3, 4],
    [5, 6, 7],
  ],
  kernelSize: 9,
  flop: 1e9,
  parameters,
  peerSettings: {
    peer: { fastest: 'as published', tried: { 'as published': 1, 'channels last': 2 } },
    peerBfloat16: { fastest: 'autocast', tried: { autocast: 0.5, 'autocast, compiled': 'RuntimeError: no compiler' } },
  },
  batches: [batchOf(1, ours / 8), withBfloat16(batchOf(8, ours))],
});

const memory = (name: string) => ({
  name,
  batch: 8,
  steps: 2,
  ours: { idleBytes: 50e6, peakBytes: 250e6 },
  ours8bit: { idleBytes: 50e6, peakBytes: 200e6 },
  peer: { idleBytes: 400e6, peakBytes: 700e6 },
});

const data = (name: string, share: number) => ({
  name,
  batch: 8,
  tasks: 4,
  checkpoints: 48,
  prompts: 128,
  steps: 20,
  step: figure(0.1),
  data: figure(0.1 * share),
  share,
  firstShare: 0.5,
  firstSteps: 6,
  busyShare: 0.02,
});

/** What the part `training` of a benchmark would write. */
export function exampleTraining() {
  return {
    batch: 8,
    decoders: [decoder('small', 2.2e6, 0.1), decoder('middle', 20.8e6, 1)],
    memory: [memory('small'), memory('middle')],
    data: [data('small', 0.06), data('middle', 0.01)],
    tolerance: 1e-4,
  };
}
