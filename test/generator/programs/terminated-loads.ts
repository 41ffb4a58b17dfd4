import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { sha256OfFiles } from '../../../src/files/index.js';
import { SafetensorsFile } from '../../../src/formats/safetensors/index.js';
import { readManifest } from '../../../src/generator/manifest.js';
import { TYPESCRIPT } from '../../engine/child.js';

const WORKERS = 20;
/** So many at once keep Node's file threads busy: at any moment files are being opened, read and closed. */
const LOADS = 16;

/** In a worker: reads all that a generator is loaded from, again and again, until it is stopped. */
async function load(folder: string) {
  for (let round = 0; ; round++) {
    await readManifest(join(folder, 'generator.json'));
    await sha256OfFiles([join(folder, 'generator.json')]);
    const path = join(folder, 'decoder.safetensors');
    await using file = await SafetensorsFile.open(path);
    await file.read([...file.tensors.keys()][0]!);
    if (round === 5) parentPort!.postMessage('loading');
  }
}

async function main(folder: string) {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  let before = 0;
  for (let round = 0; round < WORKERS; round++) {
    const worker = new Worker(__filename, { execArgv: TYPESCRIPT, workerData: folder });
    await once(worker, 'message');
    await worker.terminate();
    // The first one has made Node open some for good.
    if (round === 0) before = descriptors();
  }
  console.log(JSON.stringify({ leaked: descriptors() - before }));
}

if (isMainThread) void main(process.env.DND_TEST_GENERATOR!);
else for (let count = 0; count < LOADS; count++) void load(workerData);
