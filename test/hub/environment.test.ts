import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { implicitToken } from '../../src/hub/environment.js';
import { download, hubCacheFolder } from '../../src/hub/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { hubServer, ID } from './hub-server.js';

const folder = useTemporaryFolder();

test.each([
  [{ HF_HUB_CACHE: '/a', HF_HOME: '/b' }, '/a'],
  [{ HUGGINGFACE_HUB_CACHE: '/a', HF_HOME: '/b' }, '/a'],
  [{ HF_HOME: '/b', XDG_CACHE_HOME: '/c' }, '/b/hub'],
  [{ XDG_CACHE_HOME: '/c' }, '/c/huggingface/hub'],
  [{ HOME: '/home/me' }, '/home/me/.cache/huggingface/hub'],
  [{ HF_HOME: '~/models', HOME: '/home/me' }, '/home/me/models/hub'],
  [{ HF_HUB_CACHE: '~', HOME: '/home/me' }, '/home/me'],
  [{ HF_HUB_CACHE: `$DISK/hub/\${USER}`, DISK: '/disk', USER: 'me' }, '/disk/hub/me'],
  [{ HF_HUB_CACHE: '/a~/$UNKNOWN' }, '/a~/$UNKNOWN'],
])('the cache folder of %j is %s', (environment, expected) => {
  expect(hubCacheFolder(environment)).toBe(expected);
});

describe('the token', () => {
  beforeEach(async () => {
    await mkdir(join(folder(), 'home'));
    await writeFile(join(folder(), 'home/token'), 'saved\n');
    await writeFile(join(folder(), 'other'), 'elsewhere\n');
  });

  test.each<[string, (at: string) => Record<string, string>, string | undefined]>([
    ['of the environment first', (at) => ({ HF_TOKEN: ' given\n', HF_HOME: `${at}/home` }), 'given'],
    ['of the environment by its old name', (at) => ({ HUGGING_FACE_HUB_TOKEN: 'old', HF_HOME: `${at}/home` }), 'old'],
    ['that was saved in HF_HOME', (at) => ({ HF_TOKEN: '', HF_HOME: `${at}/home` }), 'saved'],
    ['that was saved in HF_HOME with a tilde', (at) => ({ HF_HOME: '~/home', HOME: at }), 'saved'],
    ['that was saved in HF_TOKEN_PATH', (at) => ({ HF_TOKEN_PATH: `${at}/other`, HF_HOME: `${at}/home` }), 'elsewhere'],
    ['of nobody, where there is no file', (at) => ({ HF_HOME: `${at}/none` }), undefined],
    [
      'of nobody, where it is not wanted',
      (at) => ({ HF_HUB_DISABLE_IMPLICIT_TOKEN: '1', HF_TOKEN: 'given', HF_HOME: `${at}/home` }),
      undefined,
    ],
  ])('%s', async (_, environment, expected) => {
    expect(await implicitToken(environment(folder()))).toBe(expected);
  });

  test('is refused, and not shown, where it cannot be one', async () => {
    const error = await implicitToken({ HF_TOKEN: 'two\nlines' }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.not.stringContaining('lines') });
    await expect(download(ID, 'adapter', { token: 'é', cacheFolder: folder() })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('that was saved is sent', async () => {
    await using server = await hubServer({ files: { 'config.json': Buffer.from('{}') } });
    const { HF_HUB_DISABLE_IMPLICIT_TOKEN: before, ...others } = process.env;
    process.env = { ...others, HF_TOKEN: '', HF_TOKEN_PATH: join(folder(), 'other') };
    try {
      await download(ID, 'base-config', { cacheFolder: folder(), endpoint: server.endpoint });
    } finally {
      process.env = { ...others, HF_HUB_DISABLE_IMPLICIT_TOKEN: before };
    }
    expect(new Set(server.authorizations)).toEqual(new Set(['Bearer elsewhere']));
  });
});
