import { type Device, deviceInfo, selectDevice } from '../../../src/engine/index.js';

/** What becomes of each device that DND_TEST_DEVICES names, and what the CUDA library tells. */
async function main() {
  const devices: Record<string, unknown> = {};
  for (const device of process.env.DND_TEST_DEVICES!.split(' ')) {
    devices[device] = await selectDevice({ device: device as Device }).catch(({ name, code, message }) => ({
      name,
      code,
      message,
    }));
  }
  console.log(JSON.stringify({ devices, info: await deviceInfo() }));
}

void main();
