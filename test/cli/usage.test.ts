import { dnd, dndJson } from './run-cli.js';

const COMMANDS = ['init', 'generate', 'inspect', 'report', 'plan', 'verify', 'doctor'];
const INIT = ['init', '--base', 'no-such-base', '--encoder', 'hash', '--out', 'no-such-folder/out'];
const GENERATE = ['generate', '--generator', 'g', '--prompts', 'p.txt', '--out', 'o'];

test('dnd --help lists every command and the exit codes', async () => {
  const { code, stdout } = await dnd(['--help']);
  expect(code).toBe(0);
  for (const command of COMMANDS) expect(stdout).toContain(`  ${command} `);
  expect(stdout).toContain('0 success, 1 failure, 2 usage error');
});

test.each(COMMANDS)('dnd %s --help says what it takes, --json among it', async (command) => {
  const { code, stdout, stderr } = await dnd([command, '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain(`Usage: dnd ${command}`);
  expect(stdout).toContain('--json');
  expect(stderr).toBe('');
});

test('dnd --version prints the version of the package', async () => {
  const { code, stdout } = await dnd(['--version']);
  expect([code, stdout.trim()]).toEqual([0, require('../../package.json').version]);
});

test.each([
  ['no command', []],
  ['an unknown command', ['make']],
  ['an unknown option', [...GENERATE, '--fast']],
  ['a missing option', ['generate', '--generator', 'g', '--prompts', 'p.txt']],
  ['a missing argument', ['inspect']],
  ['an argument too many', ['doctor', 'please']],
  ['a rank that is no number', [...INIT, '--rank', 'eight']],
  ['a rank of zero', [...INIT, '--rank', '0']],
  ['an alpha of zero', [...INIT, '--alpha', '0']],
  ['features that are no JSON', [...INIT, '--features', '4,8,16', '--kernel-size', '3']],
  ['a preset together with features', [...INIT, '--preset', 'qwen2.5-7b-math', '--features', '[[1,1,1],[1,1,1]]']],
  ['a preset together with a kernel size', [...INIT, '--preset', 'qwen2.5-7b-math', '--kernel-size', '3']],
  ['neither preset nor features', INIT],
  ['features without a kernel size', [...INIT, '--features', '[[1,1,1],[1,1,1]]']],
  ['an even kernel size', [...INIT, '--features', '[[1,1,1],[1,1,1]]', '--kernel-size', '4']],
  ['modules with an empty name', [...INIT, '--modules', 'q_proj,,v_proj']],
  ['an unknown padding', [...INIT, '--padding', 'left']],
  ['an unknown dtype', [...GENERATE, '--dtype', 'int8']],
  ['a negative seed', [...GENERATE, '--seed', '-1']],
  ['threads of a fraction', [...GENERATE, '--threads', '1.5']],
  ['an unknown device', [...GENERATE, '--device', 'tpu']],
  ['an empty path to inspect', ['inspect', '']],
  ['an empty path to plan', ['plan', '']],
  ['an empty path to verify', ['verify', '']],
  ['an empty path to report of', ['report', '']],
  ['an empty path for a report', ['report', 'run', '--out', '']],
  ['an empty pairs folder', ['pairs', 'check', '']],
  ['an empty folder of a generator', ['generate', '--generator', '', '--prompts', 'p.txt', '--out', 'o']],
  ['an empty prompt file', ['generate', '--generator', 'g', '--prompts', '', '--out', 'o']],
  ['an empty folder of a run', ['train', '--pairs', 'p', '--encoder', 'hash', '--out', '']],
  ['an empty run to go on with', ['train', '--resume', '']],
  ['an endless batch to plan', ['plan', '--preset', 'qwen2.5-7b-math', '--batch', '1000000000']],
  ['an endless batch to train with', ['train', '--pairs', 'p', '--encoder', 'hash', '--out', 'o', '--batch', '1e9']],
  ['more than the largest batch to train with', ['train', '--pairs', 'p', '--out', 'o', '--batch', '65537']],
  ['two prompt files of one name', ['generate', '--generator', 'g', '--prompts', 'a/x.txt', 'b/x.json', '--out', 'o']],
])('%s is wrong usage: exit code 2, a sentence on standard error, nothing on standard output', async (_what, argv) => {
  const { code, stdout, stderr } = await dnd(argv);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).not.toBe('');
});

test('with --json, usage errors are printed as JSON, too', async () => {
  const { code, result } = await dndJson<{ error: { code: string; message: string } }>([...INIT, '--rank', 'eight']);
  expect(code).toBe(2);
  expect(result.error.code).toBe('INVALID_ARGUMENT');
  expect(result.error.message).toContain("option '--rank <n>' argument 'eight' is invalid");
});

test('an unknown preset is named together with the known ones', async () => {
  const { code, stderr } = await dnd([...INIT, '--preset', 'qwen3-8b']);
  expect(code).toBe(2);
  expect(stderr).toContain('qwen2.5-0.5b-common-sense, qwen2.5-1.5b-coding');
});

test('a failure is exit code 1: one line on standard error, or its code and message in JSON', async () => {
  const text = await dnd(['inspect', 'no-such-thing']);
  expect([text.code, text.stdout]).toEqual([1, '']);
  expect(text.stderr).toMatch(/^error: no-such-thing does not exist.*\n$/);
  const json = await dndJson(['inspect', 'no-such-thing']);
  expect([json.code, json.stderr]).toEqual([1, '']);
  expect(json.result).toEqual({ error: { code: 'FILE_NOT_FOUND', message: expect.stringContaining('no-such-thing') } });
});
