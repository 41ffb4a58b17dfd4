import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addonPath, type CudaInfo, type DeviceUse } from '../../../src/engine/index.js';
import { PACKAGE } from '../../../src/package.js';
import { describeEmulated, EMULATED_DEVICE, EMULATED_LIBRARY } from '../../emulated-cuda.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { resultOf } from '../child.js';
import { compile } from './shared-objects.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const NAME = `@dnd-lora/cuda-${process.platform}-${process.arch}`;
const folder = useTemporaryFolder();
const beside = () => join(folder(), 'addon', 'libdnd_cuda.so');
const installed = () => join(folder(), 'node_modules', NAME);
const packaged = () => join(installed(), 'libdnd_cuda.so');

function install(version = PACKAGE.version): void {
  mkdirSync(installed(), { recursive: true });
  // `exports` must not hide the library.
  writeFileSync(join(installed(), 'package.json'), JSON.stringify({ name: NAME, version, exports: {} }));
}

/** What a process finds that has a copy of the addon, and the packages installed above. */
async function found(environment: Record<string, string> = {}) {
  const addon = join(folder(), 'addon', 'dnd_lora.node');
  mkdirSync(join(folder(), 'addon'), { recursive: true });
  copyFileSync(addonPath(), addon);
  const own = {
    DND_ADDON: addon,
    DND_CACHE: folder(),
    DND_CUDA_LIBRARY: '',
    NODE_PATH: join(folder(), 'node_modules'),
  };
  return resultOf<{ devices: { auto: DeviceUse }; info: CudaInfo }>('devices', {
    environment: { ...own, DND_TEST_DEVICES: 'auto', ...environment },
  });
}

const ANOTHER_INTERFACE = `
  static const struct { unsigned version; const char* name; } table = {2, "cuda"};
  extern "C" const void* dnd_device_library(void) { return &table; }`;

const linux = process.platform === 'linux' ? test : test.skip;

linux('without a library, the package that has it is named, and auto computes on the CPU', async () => {
  const { devices, info } = await found();
  const install = NAME === '@dnd-lora/cuda-linux-x64' ? `npm install ${NAME}@${PACKAGE.version}, or ` : '';
  const problem =
    `there is no CUDA library (${beside()} is not there): ${install}build dnd-lora from source on a machine with ` +
    'nvcc 13, or set DND_CUDA_LIBRARY to the path of one';
  expect(info).toEqual({ library: beside(), foundIn: null, problem, devices: [] });
  expect(devices.auto).toMatchObject({ kind: 'cpu', fallback: problem });
});

linux('the library of the package is found', async () => {
  install();
  compile(packaged(), 'int nothing;');
  const { info } = await found();
  expect(info).toMatchObject({ library: packaged(), foundIn: `${NAME} ${PACKAGE.version}` });
  expect(info.problem).toMatch(/is not a dnd-lora device library: it has no symbol dnd_device_library$/);
});

linux('a package without its library is named', async () => {
  install();
  const { info } = await found();
  expect(info).toMatchObject({ library: packaged(), foundIn: null });
  expect(info.problem).toContain(`(${NAME} is installed in ${installed()} without its libdnd_cuda.so)`);
});

linux('a library beside the addon comes before that of the package', async () => {
  install();
  compile(packaged(), 'int nothing;');
  compile(beside(), ANOTHER_INTERFACE);
  const { info } = await found();
  expect(info).toMatchObject({ library: beside(), foundIn: 'beside the addon' });
  expect(info.problem).toMatch(/backend interface version 2, and this build needs \d+: .*from the same sources$/);
});

linux('DND_CUDA_LIBRARY comes before both', async () => {
  install();
  compile(packaged(), 'int nothing;');
  const path = join(folder(), 'nothing.so');
  const { info } = await found({ DND_CUDA_LIBRARY: path });
  expect(info).toMatchObject({ library: path, foundIn: 'DND_CUDA_LIBRARY' });
  expect(info.problem).toBe(`DND_CUDA_LIBRARY names ${path}, which does not exist`);
});

linux('a package of another version that cannot be used says which version can', async () => {
  install('0.0.7');
  compile(packaged(), ANOTHER_INTERFACE);
  const { info } = await found();
  expect(info.problem).toMatch(/interface version 2/);
  expect(info.problem).toContain(
    `${NAME} 0.0.7 is installed beside dnd-lora ${PACKAGE.version}: npm install ${NAME}@${PACKAGE.version}`,
  );
});

describeEmulated('an emulated CUDA device', () => {
  test('is used through the package', async () => {
    install();
    copyFileSync(EMULATED_LIBRARY!, packaged());
    const { devices, info } = await found();
    expect(info).toMatchObject({ library: packaged(), foundIn: `${NAME} ${PACKAGE.version}`, problem: null });
    expect(devices.auto).toEqual({
      kind: 'cuda',
      ordinal: 0,
      name: EMULATED_DEVICE,
      precision: 'mixed',
      fallback: null,
    });
  });
});
