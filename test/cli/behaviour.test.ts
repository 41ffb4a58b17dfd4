import { readFile, rm } from 'node:fs/promises';
import { COMMIT, hubServer, ID } from '../hub/hub-server.js';
import { BEHAVIOUR_RUN, useBehaviourRuns } from '../training/behaviour-workshop.js';
import { dnd } from './run-cli.js';

jest.setTimeout(300_000);

const { at } = useBehaviourRuns();

const settings = () => [
  ...['train', '--pairs', at('pairs'), '--base', at('base'), '--encoder', 'hash', '--loss', 'behaviour'],
  ...['--features', JSON.stringify(BEHAVIOUR_RUN.features), '--kernel-size', 3, '--start-deviation', 0.01],
  ...['--steps', 4, '--batch', 2, '--evaluate-every', 2, '--held-out-tasks', 'tools'],
];

test('a run with the behaviour loss tells losses and answers, and nothing of norm ratios', async () => {
  const { code, stdout, stderr } = await dnd([...settings(), '--out', at('run')]);
  expect(code).toBe(0);
  expect(stderr).toContain('loading the base model …\n');
  expect(stderr).toContain('encoding responses …\n');
  expect(`${stdout}${stderr}`).toMatch(
    /evaluation after 4 steps: responses of 1 task \(held out\) loss [\d.]+ {2}exact [\d.]+ %/,
  );
  expect(`${stdout}${stderr}`).not.toContain('norm ratio');
  const report = await dnd(['report', at('run')]);
  expect([report.code, report.stdout]).toEqual([0, expect.stringContaining('Response loss of held-out tasks: ')]);
  expect(await readFile(at('run', 'report.html'), 'utf8')).toContain('Behaviour loss');
});

test('a run from a base of the Hub, and its resumption, fetch the whole of it', async () => {
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  const files = await Promise.all(names.map(async (name) => [name, await readFile(at('base', name))] as const));
  await using server = await hubServer({ files: Object.fromEntries(files) });
  const environment = { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: at('cache') };
  Object.assign(process.env, environment);
  try {
    const argv = [...settings(), '--base', `hf:${ID}`, '--steps', 2, '--schedule', 'constant', '--out', at('of-hub')];
    const { code, stderr } = await dnd(argv);
    expect(stderr).toContain(`hf:${ID} at ${COMMIT.slice(0, 12)}: licence apache-2.0`);
    expect(code).toBe(0);
    await rm(at('cache'), { recursive: true });
    const resumed = await dnd(['train', '--resume', at('of-hub'), '--base', `hf:${ID}`, '--steps', 3]);
    expect([resumed.code, resumed.stdout]).toEqual([0, expect.stringMatching(/steps +3, 1 of them in this session/)]);
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
});

test('a dry run loads the base too, and finds what would stop the run', async () => {
  const { code, stdout } = await dnd([...settings(), '--dry-run']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('parameters')]);
  const wrong = await dnd([...settings(), '--base', at('base', 'config.json'), '--dry-run']);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('the behaviour loss runs the base model, and ');
});
