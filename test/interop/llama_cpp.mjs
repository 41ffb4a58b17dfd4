// The logits of real llama.cpp (node-llama-cpp), with one adapter or none:
//   node llama_cpp.mjs <folder whose node_modules has node-llama-cpp> <requests.json>
// requests: [{ model, adapter: path or null, ids: [...], positions: "all" | "last" | number, out }]; each `out` gets the
// logits as float32, [positions, vocabulary]. Prints, as JSON, null or the error for each request.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, requestsFile] = process.argv.slice(2);
const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp');
const { getLlama } = await import(pathToFileURL(entry).href);
const llama = await getLlama({
  build: 'never',
  skipDownload: true,
  gpu: false,
  maxThreads: 2,
  logLevel: 'error',
  logger: (_level, message) => process.stderr.write(`${message}\n`),
});

async function logitsOf(model, { adapter, ids, positions }) {
  const context = await model.createContext({
    contextSize: 512,
    batchSize: 512,
    threads: 2,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
    ...(adapter === null ? {} : { lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
  });
  const wanted = (index) =>
    positions === 'last' ? index === ids.length - 1 : index < (positions === 'all' ? ids.length : positions);
  const rows = [];
  const input = ids.map((id, index) =>
    wanted(index) ? [id, { generateNext: { logits: true, options: { temperature: 0 } } }] : id,
  );
  const evaluated = await context.getSequence().controlledEvaluate(input);
  for (const [index] of ids.entries()) {
    if (!wanted(index)) continue;
    const logits = evaluated[index].next.logits;
    const row = new Float32Array(logits.size);
    for (const [id, value] of logits) row[id] = value;
    rows.push(row);
  }
  await context.dispose();
  return rows;
}

const answers = [];
let [loaded, model] = [undefined, undefined];
for (const request of JSON.parse(await readFile(requestsFile, 'utf8'))) {
  try {
    if (loaded !== request.model) {
      await model?.dispose();
      model = await llama.loadModel({ modelPath: request.model, gpuLayers: 0 });
      loaded = request.model;
    }
    const rows = await logitsOf(model, request);
    await writeFile(request.out, Buffer.concat(rows.map((row) => Buffer.from(row.buffer))));
    answers.push(null);
  } catch (error) {
    answers.push(String(error.message));
  }
}
await model?.dispose();
process.stdout.write(JSON.stringify(answers));
