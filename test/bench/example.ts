/** A figure of five runs around its median. */
export function figure(median: number, spread = 0.1) {
  const runs = [-1, -0.5, 0, 0.5, 1].map((step) => median * (1 + step * spread));
  return { median, min: runs[0]!, max: runs[4]!, runs };
}

const parts = (seconds: number) => ({
  forward: 0.1 * seconds,
  halve: 0.1 * seconds,
  columns: 0.1 * seconds,
  product: 0.5 * seconds,
  inverse: 0.1 * seconds,
});

/** On two threads the product runs at `fraction` of a peak of 200 GFLOP/s, and takes half of the threads' time. */
function spectral(name: string, fraction: number) {
  const batch = (size: number) => ({
    name: `batch ${size}`,
    batch: size,
    algorithm: 'spectral',
    tilePoints: [16, 32],
    productFlop: size * fraction * 200e9 * 0.005,
    parts: parts(size * 0.02),
    ours: figure(size * 0.01),
  });
  return {
    name,
    count: 1,
    flop: 4e9,
    axis: 'width',
    tokens: 20,
    height: 30,
    width: 40,
    outputChannels: 50,
    kernelSize: 9,
    batches: [{ ...batch(1), direct: figure(0.025), peer: figure(0.1) }, batch(8)],
  };
}

function direct(name: string) {
  const batch = (size: number) => ({
    name: `batch ${size}`,
    batch: size,
    algorithm: 'direct',
    tilePoints: null,
    productFlop: null,
    parts: null,
    ours: figure(size * 0.01),
  });
  const shape = { axis: 'token', tokens: 2, height: 3, width: 4, outputChannels: 5, kernelSize: 9 };
  return {
    name,
    count: 2,
    flop: 1e9,
    ...shape,
    batches: [{ ...batch(1), direct: figure(0.01), peer: figure(0.1) }, batch(8)],
  };
}

const decoderRow = (batch: number, ours: number) => ({
  name: `batch ${batch}`,
  batch,
  workspaceBytes: 1e9,
  ours: figure(ours),
});

/** What a benchmark of one published configuration would write. */
export function exampleResults() {
  return {
    kind: 'dnd-lora benchmark',
    version: 2,
    date: '2026-01-02T03:04:05.678Z',
    presets: ['qwen2.5-0.5b-common-sense'],
    threads: 2,
    runs: 5,
    quick: false,
    machine: {
      package: '0.1.0',
      commit: 'abcdef0',
      cpu: 'A Processor',
      cores: 2,
      coresAvailable: 2,
      memoryBytes: 24e9,
      memoryAvailableBytes: 20e9,
      loadAverage: 0,
      platform: 'Linux 6 x64',
      node: 'v20.0.0',
      engine: { isa: 'avx2', available: ['baseline', 'avx2'], defaultThreads: 2, compiler: 'GCC 12' },
    },
    peer: { torch: '2.15.0', isa: 'AVX2', oneDNN: true, threads: 2 } as Record<string, unknown>,
    peak: {
      gemm: [{ name: '4096³', n: 4096, flop: 2 * 4096 ** 3, ours: figure(0.7), peer: figure(0.69) }],
      copy: { bytes: 2 ** 30, bytesPerSecond: 1e10, ours: figure(0.2) },
      sgemm: { n: 4096, by: 'torch.mm', flopPerSecond: 200e9 },
    },
    configurations: [
      {
        name: 'qwen2.5-0.5b-common-sense',
        features: [
          [2, 3, 4],
          [5, 6, 7],
        ],
        kernelSize: 9,
        convolutions: { rows: [spectral('0 conv1w', 0.8), spectral('0 conv1h', 0.6), direct('0 linear2')] },
        decoder: {
          flop: 7.3e12,
          parameterBytes: 4e9,
          batches: [
            { ...decoderRow(1, 5), direct: figure(40), peer: figure(50), relativeErrors: { direct: 1e-6, peer: 2e-6 } },
            decoderRow(2, 9),
            decoderRow(4, 16),
            decoderRow(8, 40),
          ],
          tolerance: 1e-5,
        },
      },
    ] as Record<string, unknown>[],
    encoder: {
      model: 'all-MiniLM-L6-v2',
      layers: 6,
      hiddenSize: 384,
      prompts: 128,
      length: 384,
      tokens: 8000,
      flop: 1.2e12,
      ours: figure(8),
      oursZeroPadding: figure(2),
      peer: figure(10),
      relativeError: 1e-6,
      tolerance: 1e-5,
    },
    eventLoop: {
      encoder: 'hash',
      rounds: 3,
      waiting: { seconds: 2, ticks: 200, p50Ms: 0.1, p99Ms: 1, maxMs: 2 },
      working: { seconds: 2, ticks: 190, p50Ms: 0.2, p99Ms: 2, maxMs: 4 },
      progressReports: 12,
      wrong: [],
    },
  };
}
