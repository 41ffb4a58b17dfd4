// The stages of gpu:check. Each takes { root, device } and returns { ok, problem?, skipped?, … }, which is kept as found.
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { run } = require('./run.cjs');

const MINUTE_MS = 60_000;
const SANITIZERS = ['memcheck', 'racecheck', 'initcheck'];
const SANITIZER_FOUND = 9;

exports.STAGES = { build, tests, sanitizers, verify, benchmarks };

const folderOf = (root) => join(root, 'build-gpu');
const testsOf = (root) => join(folderOf(root), 'test', 'cuda', 'hardware', 'dnd_cuda_device_test');

function build({ root, device }) {
  const toolkit = findToolkit(root);
  if (!toolkit)
    return { ok: false, problem: 'no nvcc 13 or newer was found: put it on the PATH or set DND_CUDA_TOOLKIT' };
  const carried = join(root, '.gpu', 'googletest');
  const configure = run(
    'cmake',
    [
      ...['-S', root, '-B', folderOf(root), '-DCMAKE_BUILD_TYPE=Release'],
      ...['-DDND_CUDA=ON', '-DDND_CUDA_DEVICE_TESTS=ON', '-DDND_CUDA_TESTS=OFF', '-DBUILD_TESTING=OFF'],
      `-DDND_CUDA_ARCHITECTURES=${device.computeCapability.replace('.', '')}-real`,
      ...(existsSync(carried) ? [`-DCMAKE_PREFIX_PATH=${carried}`] : []),
    ],
    { cwd: root, env: { CUDACXX: join(toolkit, 'bin', 'nvcc') } },
  );
  if (configure.status !== 0) return { ok: false, problem: configure.end };
  const made = run(
    'cmake',
    [
      '--build',
      folderOf(root),
      '--parallel',
      String(availableParallelism()),
      '--target',
      'dnd_cuda',
      'dnd_cuda_device_test',
    ],
    { cwd: root },
  );
  const release = spawnSync(join(toolkit, 'bin', 'nvcc'), ['--version'], { encoding: 'utf8' }).stdout;
  return { ok: made.status === 0, problem: made.end, compiler: /\bV(\d+(?:\.\d+)+)/.exec(release)?.[1] };
}

function tests({ root }) {
  mkdirSync(folderOf(root), { recursive: true });
  const report = join(folderOf(root), 'tests.jsonl');
  rmSync(report, { force: true });
  const { status, end } = run(testsOf(root), [], {
    cwd: root,
    env: { DND_DEVICE_REPORT: report },
    timeoutMs: 5 * MINUTE_MS,
  });
  const found = existsSync(report) ? readFileSync(report, 'utf8').split('\n').filter(Boolean).map(JSON.parse) : [];
  const passed = found.filter((test) => test.passed).length;
  return { ok: status === 0 && found.length > 0, problem: end, passed, failed: found.length - passed, tests: found };
}

function sanitizers({ root }) {
  const program = findSanitizer(root);
  if (!program) return { ok: false, skipped: 'compute-sanitizer was not found' };
  const found = {};
  for (const tool of SANITIZERS) {
    // The poison in fresh memory would look initialised.
    const env = tool === 'initcheck' ? { DND_DEVICE_POISON: '0' } : {};
    const words = ['--tool', tool, '--error-exitcode', String(SANITIZER_FOUND), '--print-limit', '20', testsOf(root)];
    const { status, end } = run(program, words, { cwd: root, env, timeoutMs: 8 * MINUTE_MS });
    const refused = /Device not supported|not supported on this/i.test(end);
    const finished = /ERROR SUMMARY|RACECHECK SUMMARY/.test(end);
    found[tool] = refused
      ? 'the device was refused'
      : !finished
        ? `did not finish: ${end}`
        : status === SANITIZER_FOUND
          ? end
          : 'nothing found';
  }
  const wrong = Object.entries(found).filter(([, text]) => text !== 'nothing found');
  if (wrong.length === SANITIZERS.length && wrong.every(([, text]) => text === 'the device was refused')) {
    return { ok: false, skipped: 'compute-sanitizer refuses this device', found };
  }
  return { ok: wrong.length === 0, problem: wrong.map(([tool]) => tool).join(', '), found };
}

/** The committed reference numbers through the whole package, where it is built or was carried here. */
function verify({ root }) {
  const missing = missingPackage(root);
  if (missing) return { ok: false, skipped: missing };
  // All of them where they are; those committed otherwise.
  const places = [
    process.env.DND_SHARED ?? '',
    join(root, 'shared'),
    join(root, '..', 'shared'),
    join(root, 'test', 'fixtures'),
  ];
  const golden = places.map((folder) => join(folder, 'golden')).find(existsSync);
  const found = {};
  for (const words of [[], ['--algorithm', 'spectral'], ['--precision', 'fp32']]) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['dist/cli/main.js', 'verify', ...goldenFiles(golden), '--device', 'cuda', ...words, '--json'],
      { cwd: root, env: withLibrary(root), encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    const checks = stdout ? JSON.parse(stdout).flatMap((file) => file.checks) : [];
    found[words.join(' ') || 'auto'] = {
      ok: status === 0,
      checks,
      problem: status === 0 ? undefined : stderr.slice(-2000),
    };
  }
  const ok = Object.values(found).every((one) => one.ok);
  return { ok, problem: 'some numbers are outside their tolerances', found };
}

function benchmarks({ root }) {
  const missing = missingPackage(root);
  if (missing) return { ok: false, skipped: missing };
  const out = join(folderOf(root), 'bench.json');
  rmSync(out, { force: true });
  const { status, end } = run(process.execPath, ['bench/main.cjs', '--device', 'cuda', '--out', out], {
    cwd: root,
    env: withLibrary(root),
    timeoutMs: 9 * MINUTE_MS,
  });
  const results = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : undefined;
  return { ok: status === 0, problem: end, results };
}

function goldenFiles(golden) {
  return readdirSync(golden)
    .filter((name) => /^(decoder_|layout_|encoder_bert|encoder_hash|minilm_).*\.safetensors$/.test(name))
    .map((name) => join(golden, name));
}

function missingPackage(root) {
  for (const path of ['dist/cli/main.js', 'build/Release/dnd_lora.node', 'node_modules/commander']) {
    if (!existsSync(join(root, path))) return `${path} is not here: build or carry the package (docs/gpu/running.md)`;
  }
  return undefined;
}

function withLibrary(root) {
  const hasTorch = spawnSync('python3', ['-c', 'import torch'], { stdio: 'ignore' }).status === 0;
  return {
    ...process.env,
    DND_CUDA_LIBRARY: join(folderOf(root), 'libdnd_cuda.so'),
    // The machine's own Python is the peer's where it has PyTorch: nothing can be installed here.
    ...(hasTorch && !process.env.DND_PYTHON ? { DND_PYTHON: 'python3' } : {}),
  };
}

function findToolkit(root) {
  return spawnSync('bash', [join(root, 'scripts', 'cuda-toolkit.sh'), '--if-made'], {
    encoding: 'utf8',
  }).stdout?.trim();
}

function findSanitizer(root) {
  const toolkit = findToolkit(root) ?? '';
  const places = [
    'compute-sanitizer',
    join(toolkit, 'bin', 'compute-sanitizer'),
    join(toolkit, 'compute-sanitizer', 'compute-sanitizer'),
  ];
  return places.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
}
