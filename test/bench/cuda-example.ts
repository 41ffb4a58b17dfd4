import { figure } from './example.js';

const CONVOLUTION = { tokens: 16, height: 32, width: 48, outputChannels: 64, kernelSize: 9, axis: 'width', flop: 1e9 };

/** A convolution of 4 GFLOP and 3 GB in 10 ms, of which the peer needs `ratio` times as much. */
function row(name: string, ratio: number) {
  const batch = (size: number) => ({
    name: `batch ${size}`,
    batch: size,
    modelled: 0.008 * size,
    executedFlop: 4e9 * size,
    movedBytes: 3e9 * size,
    algorithm: 'spectral',
    tilePoints: [16, 32],
    ours: figure(0.01 * size),
    peer: figure(0.01 * size * ratio),
    peerVariant: 'channels last, padded',
  });
  return { name, count: 1, ...CONVOLUTION, batches: [batch(1), batch(8)] };
}

/** What `npm run bench -- --device cuda` would write. */
export function exampleCudaResults() {
  const failed = { name: 'batch 8', batch: 8, modelled: 0.06, executedFlop: 32e9, movedBytes: 24e9 };
  return {
    kind: 'dnd-lora CUDA benchmark',
    version: 1,
    date: '2026-01-02T03:04:05.678Z',
    machine: { package: '0.1.0', commit: null, cpu: 'A Processor', coresAvailable: 8, platform: 'Linux', node: 'v20' },
    device: {
      name: 'NVIDIA H200',
      memoryBytes: 141e9,
      computeMajor: 9,
      computeMinor: 0,
      driverVersion: 13000,
      runtimeVersion: 13010,
      problem: null,
      model: 'h200',
      precision: 'mixed',
    },
    peer: { torch: '2.15.0', cuda: '13.0', cudnn: 91300, device: 'NVIDIA H200' } as Record<string, unknown>,
    batches: [1, 8],
    runs: 5,
    problems: [] as string[],
    peaks: {
      product: { n: 8192, flop: 2 * 8192 ** 3, ours: figure(0.004), peer: figure(0.002) },
      flopPerSecond: 4e12,
      by: 'torch.mm',
      copy: { bytes: 2 ** 31, peer: figure(0.001) },
      bytesPerSecond: 6e11,
    },
    encoder: {
      model: 'random weights, 12 layers of the shape of MiniLM',
      prompts: 128,
      length: 384,
      flop: 2.4e12,
      ours: figure(0.01),
      peer: figure(0.02),
      error: 1e-3,
      tolerance: 2e-3,
    },
    configurations: [
      {
        name: 'quick',
        convolutions: {
          rows: [
            row('0 conv1w', 3),
            {
              ...row('0 linear2', 5),
              batches: [row('', 5).batches[0], { ...failed, leftOut: 'out of memory', peerLeftOut: 'no algorithm' }],
            },
          ],
        },
        layers: {
          rows: [
            {
              name: 'layer 0',
              features: [
                [16, 32, 48],
                [24, 16, 64],
              ],
              errors: { ours: 3e-4, peer: 4e-3, peerVariant: 'padded', reference: 'PyTorch, float64' },
            },
            { name: 'layer 1', features: [[24, 16, 64]], leftOut: 'not enough memory' },
          ],
        },
        decoder: {
          batches: [
            {
              name: 'batch 1',
              batch: 1,
              ours: figure(0.01),
              peer: figure(0.05),
              errors: { ours: 5e-4, peer: 5e-3, peerVariant: 'padded', reference: 'PyTorch, float64' },
            },
            { name: 'batch 8', batch: 8, leftOut: 'out of memory' },
          ],
          heldBytes: 7e9,
          tolerance: 1e-3,
        },
        stages: {
          encoder: 'hash',
          batches: [
            {
              name: 'batch 1',
              batch: 1,
              together: 1,
              encode: figure(0.01),
              decode: figure(0.006),
              restore: figure(0.002),
              fetch: figure(0.001),
              write: figure(0.008),
              endToEnd: figure(0.026),
            },
            { name: 'batch 8', batch: 8, together: 4, encode: figure(0.08) },
          ],
        },
      },
    ] as Record<string, unknown>[],
  };
}
