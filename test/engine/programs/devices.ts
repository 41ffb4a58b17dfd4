import { type Device, deviceInfo, selectDevice } from '../../../src/engine/index.js';

/** The outcome for each device named in DND_TEST_DEVICES, and the CUDA library's report. */
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
