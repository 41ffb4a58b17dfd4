import { join } from 'node:path';
import { configOfBase } from '../../src/adapter/index.js';
import { TINY_BASE, TINY_SETTINGS } from '../generator/tiny.js';
import { COMMIT, hubServer, ID } from '../hub/hub-server.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd } from './run-cli.js';

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
