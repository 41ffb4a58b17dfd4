import { join } from 'node:path';
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
