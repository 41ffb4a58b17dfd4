import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufAdapter, readGgufBase } from '../../src/adapter/gguf/index.js';
import type { DemoResult } from '../../src/demo/index.js';
import { Generator } from '../../src/generator/generator.js';
import { writeModel } from '../encoder/models.js';
import { installPackage, PACKAGE_NAME, POCKET, useWorkingFolder } from '../generator/fake-package.js';
import { hubServer, ID } from '../hub/hub-server.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const workIn = useWorkingFolder();
const folder = useTemporaryFolder();
const environment = { ...process.env };

const BASE = join(POCKET, 'base');
const GENERATOR = join(POCKET, 'generator');
const [first, second] = ['who-king-glad', 'thing-king-proud'];
const SMOLLM2 = ['demo', '--model', 'smollm2'];

type Shown = Omit<DemoResult, 'adapter'> & {
  generation: { prompts: object; adapter: object; generator: { notice: string | null } };
};

function taskOf(name: string, changes: object = {}) {
  const read = (file: string) => JSON.parse(readFileSync(join(POCKET, 'tasks', name, file), 'utf8'));
  return { name, about: `the task ${name}`, prompts: read('prompts.json'), test: read('test.json'), ...changes };
}

/** Tasks of the pocket world, in a package as that of a real model is. */
function demoOf(changes: object = {}, ...tasks: object[]) {
  const shown = tasks.length > 0 ? tasks : [taskOf(first), taskOf(second)];
  return { formatVersion: 1, base: ID, maxNewTokens: 24, tasks: shown, ...changes };
}

const install = (demo: object = demoOf(), contents: Parameters<typeof installPackage>[1] = {}) =>
  installPackage(folder(), { files: { 'demo.json': demo }, ...contents });

beforeEach(() => {
  workIn(folder());
  // Nothing is taken from the caches of whoever runs it.
  Object.assign(process.env, {
    DND_CACHE: join(folder(), 'fetched'),
    HF_HUB_CACHE: join(folder(), 'hub'),
    HF_HUB_OFFLINE: '1',
  });
});

afterEach(() => {
  for (const name of ['DND_CACHE', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_ENDPOINT'])
    if (environment[name] === undefined) delete process.env[name];
    else process.env[name] = environment[name];
});

test('dnd demo --model shows what a package of generators does for a base, and how long it takes', async () => {
  await install();
  const { code, stdout, stderr } = await dnd([...SMOLLM2, '--base', BASE]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'answering prompts …\n' });
  const lines = stdout.split('\n');
  expect(lines.filter((line) => /^\d\. /.test(line))).toHaveLength(4);
  const text = lines.map((line) => line.trim()).join(' ');
  expect(text).toContain(`a language model of 224,064 parameters, ${BASE}.`);
  expect(text).toContain('It was held out: nothing was ever trained on it.');
  expect(text).toMatch(
    /Time: loading \d+\.\d s, 20 answers of the base \d+\.\d s, prompts to adapter \d+\.\d s, 20 answers/,
  );
  expect(stdout).toContain(
    `   dnd generate --generator ${PACKAGE_NAME} --prompts my.txt \\\n     --format gguf --out my-adapter\n`,
  );
  expect(text).toContain('Other tasks: dnd demo --model smollm2 --list.');
});

test('a task in a package is answered as the same task of the pocket world is', async () => {
  await install();
  const [pocket, packaged] = [
    await dndJson<Shown>(['demo', '--task', second, '--seed', 3]),
    await dndJson<Shown>([...SMOLLM2, '--base', BASE, '--task', second, '--seed', 3]),
  ];
  expect([pocket.code, packaged.code]).toEqual([0, 0]);
  expect(packaged.result).toMatchObject({ model: 'smollm2', base: BASE, heldOut: true, task: { name: second } });
  expect(Object.keys(packaged.result.task!)).toEqual(['name', 'about']);
  expect(packaged.result.answers).toEqual(pocket.result.answers);
  expect(packaged.result.accuracy).toEqual(pocket.result.accuracy);
  expect(packaged.result.accuracy!.adapted).toBeGreaterThan(packaged.result.accuracy!.base);
  expect(packaged.result.generation.adapter).toEqual(pocket.result.generation.adapter);
});

test("one's own prompts need no words of the pocket language", async () => {
  await install();
  writeFileSync('own.txt', 'The submarine is 12 km away.\nWhere is the submarine?\n');
  const ofOwn = [...SMOLLM2, '--base', BASE, '--prompts'];
  const { code, result } = await dndJson<Shown>([...ofOwn, 'own.txt']);
  expect(code).toBe(0);
  expect(result).toMatchObject({ task: null, accuracy: null, heldOut: false, generation: { prompts: { given: 2 } } });
  expect(result.answers.map(({ prompt }) => prompt)).toEqual([
    'The submarine is 12 km away.',
    'Where is the submarine?',
  ]);
  writeFileSync('own.json', JSON.stringify(['First line.  \n\nSecond line.', 'b']));
  const { stdout } = await dnd([...ofOwn, 'own.json']);
  expect(stdout).toContain(`   prompt    First line.\n${' '.repeat(13)}Second line.\n   base `);
});

test('--list names the tasks of the package, which --task takes, and other names are refused', async () => {
  await install();
  const { result } = await dndJson<object[]>([...SMOLLM2, '--list']);
  expect(result).toEqual([first, second].map((name) => ({ name, about: `the task ${name}` })));
  expect((await dnd([...SMOLLM2, '--list'])).stdout).toContain(`Show one: dnd demo --model smollm2 --task ${first}`);
  const { code, stderr } = await dnd([...SMOLLM2, '--task', `${second}x`]);
  expect(code).toBe(2);
  expect(stderr).toContain(`did you mean "${second}"? dnd demo --model smollm2 --list names all 2`);
});

test('a task may be shown with another generator of the package, and one that was trained on is not called held out', async () => {
  const trained = 'who-king-polite';
  await install(demoOf({}, taskOf(first, { name: trained, generator: 'second' })), {
    generators: { first: folder(), second: GENERATOR },
  });
  const { code, result } = await dndJson<Shown>([...SMOLLM2, '--base', BASE]);
  expect(code).toBe(0);
  expect(result).toMatchObject({ heldOut: false, task: { name: trained } });
  expect((await dnd([...SMOLLM2, '--base', BASE])).stdout).not.toContain('held out');
});

test('offline and without a copy of the base, the error says how to give one', async () => {
  await install();
  const { code, stderr } = await dnd(SMOLLM2);
  expect(code).toBe(1);
  expect(stderr).toContain(`error: hf:${ID} is not in`);
  expect(stderr).toContain('HF_HUB_OFFLINE');
  expect(stderr).toContain('nothing is downloaded: --base <path>');
});

test('a base that does not exist, and one of another shape, are refused', async () => {
  await install();
  const missing = await dnd([...SMOLLM2, '--base', 'nowhere']);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('language model nowhere does not exist') });
  const tiny = await writeTinyBase(join(folder(), 'tiny'));
  const other = await dnd([...SMOLLM2, '--base', tiny]);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('does not belong to the base') });
});

test('a copy of the base that was fetched before is used, a GGUF file or a folder', async () => {
  await install();
  const fetched = join(folder(), 'fetched', 'thing');
  cpSync(BASE, fetched, { recursive: true });
  const { code, result } = await dndJson<Shown>(SMOLLM2);
  expect(code).toBe(0);
  expect(result.base).toBe(fetched);
  rmSync(fetched, { recursive: true });
  mkdirSync(fetched);
  writeFileSync(join(fetched, 'thing.Q4_1.gguf'), 'GGUF\x03\0\0\0');
  const gguf = await dnd(SMOLLM2);
  expect(gguf).toMatchObject({ code: 1, stderr: expect.stringContaining(join(fetched, 'thing.Q4_1.gguf')) });
});

test('else the base is downloaded, and its licence shown', async () => {
  await install();
  const files = Object.fromEntries(readdirSync(BASE).map((name) => [name, readFileSync(join(BASE, name))]));
  await using server = await hubServer({ files });
  delete process.env.HF_HUB_OFFLINE;
  process.env.HF_ENDPOINT = server.endpoint;
  const { code, stderr } = await dnd(SMOLLM2);
  expect(code).toBe(0);
  expect(stderr).toMatch(new RegExp(`downloading …\nhf:${ID} at [0-9a-f]{12}: licence apache-2\\.0`));
  const again = await dndJson<Shown>(SMOLLM2);
  expect(again.result.base).toContain(join(folder(), 'hub'));
});

test('the text encoder that a generator does not contain is that of the package', async () => {
  const bert = await writeModel(join(folder(), 'fetched', 'encoder-of-it'));
  const made = join(folder(), 'with-bert');
  const features = [
    [16, 8, 24],
    [20, 8, 24],
    [80, 6, 66],
  ] as const;
  await using generator = await Generator.create({
    base: BASE,
    encoder: bert,
    features,
    kernelSize: 3,
    rank: 4,
    chunk: 64,
  });
  await generator.save(made);
  rmSync(join(made, 'encoder'), { recursive: true });
  await install(
    demoOf({ encoder: 'somebody/encoder-of-it' }, taskOf(first, { test: taskOf(first).test.slice(0, 2) })),
    {
      generators: { untrained: made },
    },
  );
  const { code, stdout } = await dnd([...SMOLLM2, '--base', BASE]);
  expect(code).toBe(0);
  expect(stdout).toContain(`     --encoder ${bert} \\\n`);
  expect(stdout).toContain('Note: this generator is untrained');
  symlinkSync(join(POCKET, 'tasks'), 'tasks', 'junction');
  const evaluation = [
    'eval',
    '--generator',
    PACKAGE_NAME,
    '--base',
    BASE,
    '--tasks',
    'tasks',
    '--only',
    first,
    '--draws',
    1,
  ];
  expect((await dnd([...evaluation, '--encoder', bert])).code).toBe(0);
  expect(await dnd(evaluation)).toMatchObject({ code: 1, stderr: expect.stringContaining('encoder') });
  rmSync(bert, { recursive: true });
  const { stderr } = await dnd([...SMOLLM2, '--base', BASE]);
  expect(stderr).toContain('hf:somebody/encoder-of-it is not in');
  expect(stderr).toContain('nothing is downloaded: --encoder <path>');
});

test.each([
  ['fewer than 16 prompts', demoOf({}, taskOf(first, { prompts: ['a'] })), 'tasks[0].prompts', 'at least 16 texts'],
  ['no test items', demoOf({}, taskOf(first, { test: [] })), 'tasks[0].test', 'a list of { prompt, response }'],
  ['no tasks', demoOf({ tasks: [] }), 'tasks', 'a list of tasks'],
  ['no base', demoOf({ base: undefined }), 'base', 'is missing'],
  ['answers without tokens', demoOf({ maxNewTokens: 0 }), 'maxNewTokens', 'a whole number from 1'],
])('a demo.json with %s is malformed', async (_, demo, field, expected) => {
  await install(demo);
  const { code, stdout } = await dnd([...SMOLLM2, '--base', BASE, '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).error).toEqual({
    code: 'CORRUPT_FILE',
    message: expect.stringMatching(/demo\.json: /),
  });
  expect(stdout).toContain(`demo.json: ${field}`);
  expect(stdout).toContain(expected);
});

test('the pocket world takes no other base', async () => {
  const { code, stderr } = await dnd(['demo', '--base', BASE]);
  expect(code).toBe(2);
  expect(stderr).toContain('--base: the pocket world has its own; expected --model smollm2 with it');
});

test('generate, inspect, plan and eval take the name of a package for a generator', async () => {
  await install();
  await mkdir('tasks');
  symlinkSync(join(POCKET, 'tasks', first), join('tasks', first), 'junction');
  const prompts = join(POCKET, 'tasks', first, 'prompts.json');
  const named = ['--generator', PACKAGE_NAME];
  const made = await dnd(['generate', ...named, '--prompts', prompts, '--format', 'gguf', '--out', 'adapter']);
  expect(made.code).toBe(0);
  const gguf = await readGgufAdapter(join('adapter', 'adapter.gguf'), { base: await readGgufBase(BASE) });
  expect(gguf.config.rank).toBe(4);
  const inspected = await dndJson<{ type: string }>(['inspect', `${PACKAGE_NAME}/house-styles`]);
  expect(inspected.result.type).toBe('generator');
  expect((await dnd(['plan', PACKAGE_NAME])).code).toBe(0);
  const evaluated = await dndJson<{ generator: string; rows: { row: string; exactMatch: { mean: number } }[] }>([
    'eval',
    ...named,
    '--base',
    BASE,
    '--tasks',
    'tasks',
    '--draws',
    1,
    '--max-new-tokens',
    24,
  ]);
  expect(evaluated.code).toBe(0);
  expect(evaluated.result.generator).toBe(PACKAGE_NAME);
  expect(evaluated.result.rows.find(({ row }) => row === 'generated')!.exactMatch.mean).toBeGreaterThan(0.5);
  const unknown = await dnd(['generate', '--generator', `${PACKAGE_NAME}/styles`, '--prompts', prompts, '--out', 'b']);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`did you mean ${PACKAGE_NAME}/house-styles?`),
  });
});
