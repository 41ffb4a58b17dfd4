// The GPU of this machine, as its driver tells.
const { spawnSync } = require('node:child_process');

const FIELDS = { name: 'name', driver: 'driver_version', computeCapability: 'compute_cap', memory: 'memory.total' };

/** @returns {{ name: string, driver: string, computeCapability: string, memory: string } | { missing: string }} */
exports.findDevice = function findDevice() {
  const query = `--query-gpu=${Object.values(FIELDS).join(',')}`;
  const { status, stdout, stderr, error } = spawnSync('nvidia-smi', [query, '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  const line = stdout?.split('\n', 1)[0] ?? '';
  if (status !== 0 || line === '') {
    const why = error ? 'there is no nvidia-smi, so no NVIDIA driver' : (stderr || stdout).trim();
    return {
      missing: `No GPU here: ${why}. gpu:check runs the CUDA kernels on a real device and has nothing to do without one.`,
    };
  }
  const values = line.split(',').map((value) => value.trim());
  return Object.fromEntries(Object.keys(FIELDS).map((key, index) => [key, values[index]]));
};
