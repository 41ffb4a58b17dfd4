// Lets the Python checks call this package's own TypeScript (built, in dist/):
//   node bridge.cjs <command> <options as JSON> <paths …>
// The answer, where there is one, is printed as JSON; tensors travel as files.
const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { dirname, join } = require('node:path');

const dist = (room) => require(join(__dirname, '../../dist', room));
const { fromFloat32 } = dist('formats/dtypes.js');
const { SafetensorsSet, writeSafetensors, writeSafetensorsSharded } = dist('formats/safetensors/index.js');

const bytesOf = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

async function writeRaw(folder, index, suffix, bytes) {
  const path = join(folder, `${index}.${suffix}`);
  await writeFile(path, bytes);
  return path;
}

/** Every tensor of a safetensors file or set, or of a PyTorch archive, as raw bytes, and the floating ones as float32 too. */
async function read(_options, source, folder) {
  await mkdir(folder, { recursive: true });
  const set = await dist('formats/pytorch/index.js').openTensors(source);
  const tensors = {};
  for (const [name, { dtype, shape }] of set.tensors) {
    const index = Object.keys(tensors).length;
    tensors[name] = { dtype, shape, bytes: await writeRaw(folder, index, 'bytes', await set.read(name)) };
    if (/^B?F/.test(dtype))
      tensors[name].float32 = await writeRaw(folder, index, 'float32', await set.readFloat32(name));
  }
  await set.close();
  return { metadata: set.metadata, tensors };
}

function sourcesOf(set) {
  return Array.from(set.tensors.values(), ({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    bytes: async function* () {
      for await (const chunk of set.chunks(name)) yield chunk.bytes;
    },
  }));
}

async function copy(_options, source, target) {
  const set = await SafetensorsSet.open(source);
  await writeSafetensors(target, sourcesOf(set), { metadata: set.metadata });
  await set.close();
}

async function shard({ maxShardBytes }, source, folder) {
  const set = await SafetensorsSet.open(source);
  await writeSafetensorsSharded(folder, 'model', sourcesOf(set), { maxShardBytes });
  await set.close();
}

/** (i − 30) / 7 for i < 60, as [3, 4, 5], in each dtype that adapters are written in. */
async function formula(_options, target) {
  const values = Float32Array.from({ length: 60 }, (_, i) => (i - 30) / 7);
  const tensors = ['F32', 'F16', 'BF16'].map((dtype) => ({
    name: dtype,
    dtype,
    shape: [3, 4, 5],
    bytes: () => [fromFloat32(values, dtype)],
  }));
  await writeSafetensors(target, tensors);
}

/** The size of the weight tokens for a base model that is only a config.json. */
async function layout({ rank, modules }, base) {
  const { AdapterLayout, readBaseModel } = dist('adapter/index.js');
  const made = new AdapterLayout({ base: await readBaseModel(base), rank, modules: modules ?? undefined });
  const { tokenCount, tokenHeight, tokenWidth } = made;
  return { tokenCount, tokenHeight, tokenWidth };
}

/** For each config.json: the shapes of an adapter's matrices, or the error. */
async function layouts(_options, ...configs) {
  const { AdapterLayout, readBaseModel } = dist('adapter/index.js');
  const answers = [];
  for (const config of configs) {
    try {
      const { layersPath, tensors } = new AdapterLayout({ base: await readBaseModel(config), rank: 1 });
      answers.push({ layersPath, tensors: tensors.map(({ name, shape }) => [name, shape]) });
    } catch (error) {
      answers.push({ code: error.code, message: error.message });
    }
  }
  return answers;
}

/** For each base that is only a folder with a config.json: `adapter`, of random weights, and its ΔW; also for MLX. */
async function randomAdapters({ rank, alpha, seed, mlx }, ...folders) {
  const { AdapterLayout, LoraAdapter, readBaseModel, readPeft, writeMlx, writePeft } = dist('adapter/index.js');
  const { SplitMix64 } = dist('random/split-mix.js');
  for (const folder of folders) {
    const layout = new AdapterLayout({ base: await readBaseModel(folder), rank });
    const random = SplitMix64.seeded(seed);
    const values = Float32Array.from({ length: layout.elementCount }, () => random.below(2 ** 24) / 2 ** 24 - 0.5);
    await writePeft(join(folder, 'adapter'), LoraAdapter.fromValues(layout, values, { alpha }), { dtype: 'F32' });
    await merge({}, join(folder, 'adapter'), join(folder, 'merge.safetensors'));
    if (!mlx) continue;
    const { layers } = layout.base;
    await writeMlx(join(folder, 'mlx'), await readPeft(join(folder, 'adapter')), { layers });
  }
}

async function readAdapter(_options, source, folder) {
  await mkdir(folder, { recursive: true });
  const { config, tensors } = await dist('adapter/index.js').readPeft(source);
  const files = {};
  for (const [name, { shape, data }] of tensors) {
    files[name] = { shape, float32: await writeRaw(folder, Object.keys(files).length, 'float32', bytesOf(data)) };
  }
  return { config, tensors: files };
}

/** What reading each of these folders ends with: names and warnings, or the error. */
async function tryAdapters(_options, ...folders) {
  const { readPeft } = dist('adapter/index.js');
  const answers = {};
  for (const folder of folders) {
    const warnings = [];
    try {
      const { tensors } = await readPeft(folder, { onWarning: (warning) => warnings.push(warning) });
      answers[folder] = { tensors: [...tensors.keys()].sort(), warnings };
    } catch ({ code, message }) {
      answers[folder] = { code, message };
    }
  }
  return answers;
}

/** A PEFT folder read and written again; `useRslora`, when given, is changed on the way. */
async function rewrite({ dtype, useRslora }, source, target) {
  const { LoraAdapter, readPeft, writePeft } = dist('adapter/index.js');
  const { config, tensors } = await readPeft(source);
  const changed = new LoraAdapter({ ...config, useRslora: useRslora ?? config.useRslora }, tensors);
  await mkdir(dirname(target), { recursive: true });
  await writePeft(target, changed, { dtype });
}

/** ΔW of every adapted module, as this package merges it: module name → [out, in]. */
async function merge(_options, source, target) {
  await writeDeltas(await dist('adapter/index.js').readPeft(source), target);
}

/** The same for an adapter of mlx-lm. */
async function mlxMerge(_options, source, target) {
  await writeDeltas(await dist('adapter/index.js').readMlx(source), target);
}

async function writeDeltas(adapter, target) {
  const { mergeDelta } = dist('adapter/index.js');
  const deltas = [];
  for (const module of adapter.moduleNames()) {
    const { outputWidth, inputWidth } = adapter.pair(module);
    const delta = await mergeDelta(adapter, module);
    deltas.push({ name: module, dtype: 'F32', shape: [outputWidth, inputWidth], bytes: () => [bytesOf(delta)] });
  }
  await writeSafetensors(target, deltas);
}

/** Token ids, mask, and states: every token's with padding encoded and zero, and pooled both ways. */
async function encode({ maxLength, layer, ...device }, folder, promptsFile, target) {
  const prompts = JSON.parse(await readFile(promptsFile, 'utf8'));
  const encoder = await dist('encoder/index.js').loadTextEncoder(folder, { threads: 2, layer, ...device });
  const { ids, mask } = await encoder.tokenise(prompts, { maxLength });
  const matrix = [prompts.length, maxLength];
  const tensors = [
    { name: 'ids', dtype: 'I32', shape: matrix, bytes: () => [bytesOf(ids)] },
    { name: 'mask', dtype: 'I32', shape: matrix, bytes: () => [bytesOf(mask)] },
  ];
  for (const [padding, pooling] of [
    ...(encoder.encodesPadding ? [['encode', 'none']] : []),
    ['zero', 'none'],
    ['encode', 'mean'],
    ...(encoder.encodesPadding ? [['encode', 'cls']] : []),
  ]) {
    const { hiddenStates, shape } = await encoder.encode(prompts, { maxLength, padding, pooling });
    tensors.push({ name: `${padding}.${pooling}`, dtype: 'F32', shape, bytes: () => [bytesOf(hiddenStates)] });
  }
  encoder.dispose();
  await writeSafetensors(target, tensors);
}

/** Token ids of texts, each with its special tokens and none of padding: all of them behind each other, and how many each has. */
async function tokenise({ maxLength }, folder, textsFile, idsFile, lengthsFile) {
  const { Tokeniser } = dist('encoder/tokeniser.js');
  const [tokenizer, config, texts] = await Promise.all(
    [join(folder, 'tokenizer.json'), join(folder, 'tokenizer_config.json'), textsFile].map(async (file) =>
      JSON.parse(await readFile(file, 'utf8')),
    ),
  );
  const ids = [];
  const lengths = [];
  try {
    const tokeniser = new Tokeniser({ tokenizer, config, folder }, 2 ** 31 - 1, 0);
    for (let start = 0; start < texts.length; start += 256) {
      const part = texts.slice(start, start + 256);
      const { ids: padded, mask } = await tokeniser.tokenise(part, maxLength);
      for (const row of part.keys()) {
        const length = mask.subarray(row * maxLength, (row + 1) * maxLength).lastIndexOf(1) + 1;
        lengths.push(length);
        ids.push(padded.slice(row * maxLength, row * maxLength + length));
      }
    }
  } catch ({ code, message, stack }) {
    return { code: code ?? stack, message };
  }
  await writeFile(idsFile, Buffer.concat(ids.map(bytesOf)));
  await writeFile(lengthsFile, bytesOf(Int32Array.from(lengths)));
  return {};
}

/** For each case of a golden file: its prompt's text and ids, the tokens that its logits make most likely, the answer. */
async function languageGolden(_options, path, golden) {
  const { loadLanguageModel, promptText } = dist('language/index.js');
  const { cases } = JSON.parse(await readFile(golden, 'utf8'));
  const model = await loadLanguageModel(path, { threads: 2 });
  const answers = [];
  for (const { text, ids, last_logits_top: top, greedy_ids: greedy } of cases) {
    const [, prompt] = /<\|im_start\|>user\n(.*?)<\|im_end\|>/s.exec(text);
    const logits = await model.engine.logits({ ids: Int32Array.from(ids), lengths: [ids.length] });
    const last = logits.subarray(logits.length - model.config.sizes.vocabSize);
    const order = Array.from(last.keys()).sort((one, other) => last[other] - last[one]);
    const topIds = order.slice(0, top.ids.length);
    const [answer] = await model.generate([prompt], { maxNewTokens: greedy.length });
    const topValues = top.ids.map((id) => last[id]);
    answers.push({ text: promptText(model, prompt), ids: model.tokeniser.encode(text), topIds, topValues, answer });
  }
  model.dispose();
  return answers;
}

/** What a language model answers greedily, and how likely it thinks given answers. */
async function language({ items, maxNewTokens, adapter }, folder) {
  const { loadLanguageModel, readPeft } = dist('language.js');
  const model = await loadLanguageModel(folder, { threads: 2 });
  const adapters = adapter === null ? null : await readPeft(adapter);
  const prompts = items.map(({ prompt }) => prompt);
  const texts = await model.generate(prompts, { adapters, maxNewTokens });
  const likelihoods = await model.logLikelihood(items, { adapters });
  model.dispose();
  return { texts, sums: likelihoods.map(({ sum }) => sum) };
}

/**
 * The behaviour loss of a decoder with these parameters, and its gradient: mean over the tasks of the mean loss of the
 * labelled tokens of each task's sequences. Also the tensors of the adapters' layout.
 * @param input safetensors: param.<name>, condition [tasks, …], mean [elements], scales [tokens] and, for the KL
 * divergence from the predictions with other adapters instead of −ln p, teachers [tasks, elements]
 * @param target safetensors: the gradient of each parameter
 */
async function behaviourGradients(
  { features, kernelSize, projectedFrom, adapter, chunk, tasks },
  folder,
  input,
  target,
) {
  const { AdapterLayout, ResidualStatistics } = dist('adapter/index.js');
  const { TrainerEngine } = dist('engine/index.js');
  const { loadLanguageModel } = dist('language/index.js');
  const { Behaviour } = dist('training/behaviour/index.js');
  const set = await SafetensorsSet.open(input);
  const residual = new ResidualStatistics(await set.readFloat32('mean'), await set.readFloat32('scales'));
  const model = await loadLanguageModel(folder, { threads: 2 });
  const { rank, modules } = adapter;
  const plain = new AdapterLayout({ base: model.base, rank, modules, chunk, normalisation: 'residual' });
  const made = plain.withResidual(residual);
  const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradientNorm: 0, moments: 'fp32' };
  const engine = await TrainerEngine.create({
    ...{ features, kernelSize, projectedFrom, threads: 2, optimiser },
    outputGradients: true,
  });
  for (const { name } of engine.parameters)
    engine.writeParameter(name, 0, bytesOf(await set.readFloat32(`param.${name}`)), 'F32');
  const condition = await set.readFloat32('condition');
  const all = set.tensors.has('teachers') ? await set.readFloat32('teachers') : undefined;
  const teachers =
    all && tasks.map((_, index) => all.subarray(index * made.elementCount, (index + 1) * made.elementCount));
  await set.close();
  const behaviour = new Behaviour({ model, layout: made, adapter, examples: new Map(), threads: 2 });
  const sequences = tasks.map((task) =>
    task.map(({ ids, labels }) => ({ ids: Int32Array.from(ids), labels: Int32Array.from(labels) })),
  );
  const tokens = await engine.forward(condition, tasks.length);
  const { sums, outputGradient } = await behaviour.gradient(tokens, sequences, { weight: 1 / tasks.length, teachers });
  await engine.accumulate({ condition, outputGradient, batch: tasks.length });
  const gradients = engine.parameters.map(({ name, shape }) => {
    const values = engine.readGradient(
      name,
      0,
      shape.reduce((product, size) => product * size, 1),
    );
    return { name, dtype: 'F32', shape, bytes: () => [bytesOf(values)] };
  });
  await writeSafetensors(target, gradients);
  engine.dispose();
  behaviour.dispose();
  const loss = sums.reduce((total, one) => total + one.sum / one.tokens, 0) / tasks.length;
  return { loss, tensors: made.tensors.map(({ name, shape, firstToken }) => ({ name, shape, firstToken })) };
}

/** A GGUF file of a JSON file of metadata, key → [type, value], and a safetensors file. */
async function gguf(_options, metadataFile, source, target) {
  const { writeGguf } = dist('formats/gguf/index.js');
  const { NUMBER_ARRAYS } = dist('formats/gguf/values.js');
  const typed = ([type, value]) => {
    const of = type.replace('[]', '');
    if (of === type) return { type, value };
    return { type: 'array', value: { of, values: of === 'string' ? value : NUMBER_ARRAYS[of].from(value) } };
  };
  const entries = Object.entries(JSON.parse(await readFile(metadataFile, 'utf8')));
  const set = await SafetensorsSet.open(source);
  const tensors = sourcesOf(set).map(({ name, dtype, shape, bytes }) => ({
    name,
    type: dtype,
    shape: shape.toReversed(),
    bytes,
  }));
  await writeGguf(target, new Map(entries.map(([key, value]) => [key, typed(value)])), tensors);
  await set.close();
}

const COMMANDS = {
  gguf,
  read,
  copy,
  shard,
  formula,
  layout,
  layouts,
  'random-adapters': randomAdapters,
  'read-adapter': readAdapter,
  'try-adapters': tryAdapters,
  rewrite,
  merge,
  'mlx-merge': mlxMerge,
  encode,
  tokenise,
  language,
  'language-golden': languageGolden,
  'behaviour-gradients': behaviourGradients,
};

async function main() {
  const [command, options, ...paths] = process.argv.slice(2);
  const answer = await COMMANDS[command](JSON.parse(options), ...paths);
  if (answer !== undefined) process.stdout.write(JSON.stringify(answer));
}

main();
