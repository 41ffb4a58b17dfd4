import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configOfBase, writePeft } from '../../src/adapter/index.js';
import type { AdapterComparison } from '../../src/comparison/comparison.js';
import { adapterOf } from '../comparison/adapters.js';
import { TINY_BASE, TINY_SETTINGS } from '../generator/tiny.js';
import { COMMIT, type HubServer, hubServer, ID } from '../hub/hub-server.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const folder = useTemporaryFolder();
const files = { 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(1000) };

test('dnd download shows the licence, the base and the folder of what it fetched', async () => {
  await using server = await hubServer({ files });
  process.env.HF_ENDPOINT = server.endpoint;
  try {
    const { code, stdout } = await dnd(['download', ID, '--as', 'base', '--cache', folder()]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`repository +${ID} at ${COMMIT}`));
    expect(stdout).toMatch(/license +apache-2\.0\n/);
    expect(stdout).toMatch(/made from +org\/base\n/);
    expect(stdout).toMatch(/files +2, /);
    expect(stdout).toContain(join(folder(), `models--someone--thing/snapshots/${COMMIT}`));
  } finally {
    delete process.env.HF_ENDPOINT;
  }
});

test('dnd download reports the code of a failure as JSON', async () => {
  await using server = await hubServer({ files, fault: (_, response) => Boolean(response.writeHead(404).end()) });
  process.env.HF_ENDPOINT = server.endpoint;
  try {
    const { code, stdout } = await dnd(['download', 'nobody/nothing', '--as', 'base', '--cache', folder(), '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'DOWNLOAD_FAILED' } });
  } finally {
    delete process.env.HF_ENDPOINT;
  }
});

test('hf:owner/name in place of a folder is downloaded first, and its licence shown', async () => {
  await using server = await hubServer({
    files: { 'config.json': Buffer.from(JSON.stringify(configOfBase(TINY_BASE))) },
  });
  const environment = { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: folder() };
  Object.assign(process.env, environment);
  try {
    const { features, kernelSize, rank } = TINY_SETTINGS;
    const shape = ['--features', JSON.stringify(features), '--kernel-size', String(kernelSize), '--rank', String(rank)];
    const out = join(folder(), 'generator');
    const settings = ['--encoder', 'hash', ...shape, '--max-length', '8', '--out', out];
    const { code, stderr } = await dnd(['init', '--base', `hf:${ID}`, ...settings]);
    expect(stderr).toContain(`hf:${ID} at ${COMMIT.slice(0, 12)}: licence apache-2.0, made from org/base\n`);
    expect(code).toBe(0);
    expect(server.requests.filter((one) => one.includes('/resolve/'))).toHaveLength(1);
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
});

describe('dnd train --base hf:owner/name fetches', () => {
  const CONFIG = ['config.json'];
  const WHOLE = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  // Files of the same contents are fetched once.
  const whole = Object.fromEntries(WHOLE.map((name) => [name, Buffer.from(JSON.stringify({ name }))]));
  let server: HubServer;
  beforeEach(async () => {
    server = await hubServer({ files: { ...whole, 'README.md': Buffer.from('of somebody') } });
    Object.assign(process.env, { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: join(folder(), 'cache') });
    await writeFile(join(folder(), 'config.json'), JSON.stringify({ loss: 'both' }));
  });
  afterEach(async () => {
    delete process.env.HF_ENDPOINT;
    delete process.env.HF_HUB_CACHE;
    await server[Symbol.asyncDispose]();
  });

  /** Beside the card, which tells the licence. */
  const fetched = () => {
    const names = server.requests.flatMap((one) => /^GET .*\/resolve\/[^/]+\/(\S+)/.exec(one)?.[1] ?? []);
    return [...new Set(names)].filter((name) => name !== 'README.md').sort();
  };
  const train = async (...argv: string[]) => {
    const { result } = await dndJson(['train', '--base', `hf:${ID}`, '--encoder', 'hash', ...argv]);
    return result as { error: { code: string; message: string } };
  };
  const given = () => ['--pairs', join(folder(), 'pairs'), '--out', join(folder(), 'out')];

  test('only the configuration for the token loss', async () => {
    expect((await train(...given())).error.message).toContain('give features');
    expect(fetched()).toEqual(CONFIG);
    await train(...given(), '--config', join(folder(), 'config.json'), '--loss', 'tokens');
    expect(fetched()).toEqual(CONFIG);
  });

  test('weights and tokenizer, too, for the behaviour loss, also after the configuration alone', async () => {
    await train(...given());
    expect((await train(...given(), '--loss', 'behaviour')).error.message).toContain('give features');
    expect(fetched()).toEqual(WHOLE);
  });

  test('what the loss of the configuration file needs', async () => {
    const { error } = await train(...given(), '--config', join(folder(), 'config.json'));
    expect(error.message).toContain('give features');
    expect(fetched()).toEqual(WHOLE);
  });

  test('nothing for a run to resume that is not there', async () => {
    const resumed = await train('--resume', join(folder(), 'nowhere'));
    expect(resumed.error).toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/is not a run folder/),
    });
    expect(server.requests).toEqual([]);
  });
});

describe('hf:owner/name', () => {
  const REPOSITORY = `hf:${ID}`;
  let server: HubServer;
  beforeEach(async () => {
    server = await hubServer({ files });
    Object.assign(process.env, { HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: join(folder(), 'cache') });
  });
  afterEach(async () => {
    delete process.env.HF_ENDPOINT;
    delete process.env.HF_HUB_CACHE;
    await server[Symbol.asyncDispose]();
  });

  test.each<[string, string[]]>([
    ['init', ['--base', REPOSITORY, '--encoder', 'hash']],
    ['generate', ['--generator', REPOSITORY, '--prompts', 'prompts.json']],
    ['finetune', ['--base', REPOSITORY, '--tasks', 'tasks']],
    ['train', ['--base', REPOSITORY, '--pairs', 'pairs', '--encoder', 'hash']],
    ['merge', ['adapter', '--base', REPOSITORY]],
    ['compose', [REPOSITORY, 'adapter', '--weights', '1,1']],
    ['pairs import', ['saves', '--base', REPOSITORY, '--config', 'config.json']],
  ])('dnd %s refuses an output that is there before it downloads anything', async (command, argv) => {
    const out = join(folder(), 'out');
    await mkdir(out);
    await writeFile(join(out, 'something'), '');
    const outcome = await dndJson([...command.split(' '), ...argv, '--out', out]);
    expect(outcome.result).toMatchObject({ error: { code: 'OUTPUT_EXISTS', message: expect.stringContaining(out) } });
    expect(server.requests).toEqual([]);
  });

  test.each(['finetune', 'train'])('dnd %s refuses the output of its configuration as early', async (command) => {
    const out = join(folder(), 'out');
    const config = join(folder(), 'config.json');
    await mkdir(out);
    await writeFile(join(out, 'something'), '');
    await writeFile(config, JSON.stringify({ out }));
    const outcome = await dndJson([command, '--base', REPOSITORY, '--config', config]);
    expect(outcome.result).toMatchObject({ error: { code: 'OUTPUT_EXISTS', message: expect.stringContaining(out) } });
    expect(server.requests).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['a folder', 'out', 'OUTPUT_EXISTS'],
    ['a GGUF file', 'out.gguf', 'OUTPUT_EXISTS'],
  ])('dnd convert refuses %s that is there as early', async (_, name, code) => {
    const out = join(folder(), name);
    if (name.endsWith('.gguf')) await writeFile(out, '');
    else await mkdir(join(out, 'something'), { recursive: true });
    expect((await dndJson(['convert', REPOSITORY, out])).result).toMatchObject({ error: { code } });
    expect(server.requests).toEqual([]);
  });

  test.each<[string, string[]]>([
    ['eval', ['--generator', REPOSITORY, '--base', 'base', '--tasks', 'tasks', '--out']],
    ['compare', [REPOSITORY, 'adapter', '--html']],
  ])('dnd %s refuses a file that cannot be written as early', async (command, argv) => {
    expect((await dndJson([command, ...argv, folder()])).result).toMatchObject({ error: { code: 'NOT_WRITABLE' } });
    expect(server.requests).toEqual([]);
  });

  test('is a setting like any other once it is downloaded', async () => {
    const train = join(folder(), 'train.json');
    await writeFile(train, JSON.stringify([{ prompt: 'a', response: 'b' }]));
    const argv = ['finetune', '--base', REPOSITORY, '--train', train, '--out', join(folder(), 'out')];
    const { code, stderr } = await dnd(argv);
    expect(code).toBe(1);
    // The refusal of what was downloaded, which has no tokenizer.
    expect(stderr).toContain(`snapshots/${COMMIT} is not a language model folder: it has no tokenizer.json`);
  });

  test('prints nothing but the result with --json', async () => {
    const { stderr, result } = await dndJson([
      'merge',
      'adapter',
      '--base',
      REPOSITORY,
      '--out',
      join(folder(), 'out'),
    ]);
    expect(stderr).toBe('');
    expect(result).toMatchObject({ error: { code: 'FILE_NOT_FOUND' } });
    expect(server.requests.length).toBeGreaterThan(0);
  });

  test('names the adapters that compare and compose show', async () => {
    const own = join(folder(), 'own');
    await writePeft(own, adapterOf({ seed: 1 }), { dtype: 'F32' });
    const names = ['adapter_config.json', 'adapter_model.safetensors'];
    const contents = await Promise.all(names.map(async (name) => [name, await readFile(join(own, name))] as const));
    await using adapters = await hubServer({ files: Object.fromEntries(contents) });
    process.env.HF_ENDPOINT = adapters.endpoint;
    const compared = await dndJson<AdapterComparison>(['compare', REPOSITORY, own]);
    expect(compared.result.adapters.map(({ name }) => name)).toEqual([REPOSITORY, own]);
    const out = join(folder(), 'sum');
    const composed = await dnd(['compose', own, REPOSITORY, '--weights', '0.5,0.25', '--out', out]);
    expect(composed.stdout).toContain(`0.25 × ${REPOSITORY}\n`);
    expect(composed.stdout).toContain(`0.5 × ${own}\n`);
  });
});
