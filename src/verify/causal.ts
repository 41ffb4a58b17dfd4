import { AdapterLayout } from '../adapter/index.js';
import { CausalEngine, type CausalSequences, type SequenceAdapters } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import { causalConfigFromJson } from '../language/config.js';
import { verifyLora } from './causal-lora.js';
import { type Check, compare, skip } from './checks.js';
import type { GoldenFile } from './golden-file.js';
import type { VerifierOptions } from './options.js';
import { TOLERANCES, tolerancesOn } from './tolerances.js';

const HIDDEN_STATES = /^hidden_states_(\d+|last)$/;
/** Of a golden file's causal references. */
export const CAUSAL_REFERENCES =
  /^(?:logits|hidden_states_\w+|greedy|lora_logits|grad\..+|training_losses|trained\..+)$/;
/** Of the prompt that `greedy` continues. */
const PROMPT = 6;

/** Weights, token ids and labels → logits, hidden states, a greedy continuation; with an adapter also gradients, training. */
export async function verifyCausal(golden: GoldenFile, options: VerifierOptions): Promise<Check[]> {
  const references = golden.names.filter((name) => CAUSAL_REFERENCES.test(name));
  if (options.device.kind !== 'cpu')
    return references.map((name) => skip(name, 'language models run on the CPU only. Use --device cpu'));
  const engine = await openEngine(golden, options);
  if (engine instanceof DndError) return references.map((name) => skip(name, engine.message));
  try {
    const batch = await batchOf(golden);
    const checks = await verifyModel(golden, engine, batch, options);
    const lora = await loraOf(golden, batch);
    if (lora) return [...checks, ...(await verifyLora(golden, engine, { ...batch, lora }, options))];
    const others = references.filter((name) => !checks.some((check) => check.name === name));
    return [...checks, ...others.map((name) => skip(name, 'the file has no adapter'))];
  } finally {
    engine.dispose();
  }
}

/** The file's model, or why it is not one that this version runs. */
async function openEngine(golden: GoldenFile, { threads, device }: VerifierOptions): Promise<CausalEngine | DndError> {
  let sizes: ReturnType<typeof causalConfigFromJson>['sizes'];
  try {
    sizes = causalConfigFromJson(golden.setting('config'), `${golden.file.path}: config`).sizes;
  } catch (error) {
    if (error instanceof DndError && error.code === 'UNSUPPORTED_BASE') return error;
    throw error;
  }
  const engine = await CausalEngine.create({ ...sizes, threads, device });
  try {
    for (const { name, shape } of engine.parameters) await writeParameter(golden, engine, name, shape);
    return engine;
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

async function writeParameter(
  golden: GoldenFile,
  engine: CausalEngine,
  name: string,
  shape: readonly number[],
): Promise<void> {
  const found = golden.shape(name);
  const { dtype } = golden.file.tensors.get(name)!;
  if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis]))
    throw golden.wrong(
      `${name} has the wrong shape; expected [${shape.join(', ')}] by its config, got [${found.join(', ')}]`,
    );
  if (!isFloatDtype(dtype))
    throw golden.wrong(`${name} has the wrong dtype; expected a floating-point type, got ${dtype}`);
  engine.writeParameter(name, 0, await golden.file.read(name), dtype);
}

/** input_ids [sequences, length] */
async function batchOf(golden: GoldenFile): Promise<CausalSequences> {
  const [sequences, length, ...rest] = golden.shape('input_ids');
  if (sequences === undefined || length === undefined || rest.length > 0)
    throw golden.wrong('input_ids must have a shape [sequences, length]');
  return { ids: await golden.integers('input_ids'), lengths: Array<number>(sequences).fill(length) };
}

async function verifyModel(
  golden: GoldenFile,
  engine: CausalEngine,
  batch: CausalSequences,
  { device, signal }: VerifierOptions,
): Promise<Check[]> {
  const { causalLogits, causalHiddenStates } = tolerancesOn(device);
  const checks: Check[] = [];
  if (golden.has('logits')) {
    const logits = await engine.logits(batch, { signal });
    checks.push(compare('logits', logits, await golden.floats('logits'), causalLogits));
  }
  for (const name of golden.names) {
    const place = HIDDEN_STATES.exec(name)?.[1];
    if (place === undefined) continue;
    const layer = place === 'last' ? engine.sizes.layers : Number(place);
    const states = await engine.hiddenStates(batch, layer, { signal });
    checks.push(compare(name, states, await golden.floats(name), causalHiddenStates));
  }
  if (golden.has('greedy')) checks.push(await verifyGreedy(golden, engine, batch, signal));
  return checks;
}

/** The prompt is the beginning of the first sequence, and `greedy` holds it, too. */
async function verifyGreedy(
  golden: GoldenFile,
  engine: CausalEngine,
  { ids }: CausalSequences,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const reference = await golden.integers('greedy');
  const prompt = ids.slice(0, PROMPT);
  const maxNewTokens = Math.max(1, reference.length - PROMPT);
  const [continued] = await engine.generate({ ids: prompt, lengths: [PROMPT] }, { maxNewTokens }, { signal });
  return compare('greedy', [...prompt, ...continued!.ids], reference, TOLERANCES.exact);
}

/** The file's adapter in the order of its layout, for every sequence. */
async function loraOf(golden: GoldenFile, { lengths }: CausalSequences): Promise<SequenceAdapters | null> {
  const weights = await golden.floatsUnder('lora.');
  if (weights.size === 0) return null;
  const tensors = [...weights.keys()].map((name) => ({ name, shape: golden.shape(`lora.${name}`) }));
  const layout = AdapterLayout.fromTensors(tensors);
  const adapter = new Float32Array(layout.elementCount);
  for (const { name, shape, offset } of layout.tensors) {
    const values = weights.get(name);
    if (values === undefined || values.length !== elementCount(shape))
      throw golden.wrong(`tensor lora.${name} is missing, or has the wrong shape; expected [${shape.join(', ')}]`);
    adapter.set(values, offset);
  }
  const { r, alpha, rs } = golden.setting('lora') as { r?: unknown; alpha?: unknown; rs?: unknown };
  if (r !== layout.rank || typeof alpha !== 'number')
    throw golden.wrong(`its metadata lora must have the rank r of its matrices, ${layout.rank}, and a number alpha`);
  return {
    rank: layout.rank,
    modules: layout.modules,
    layers: layout.layers,
    scale: rs === true ? alpha / Math.sqrt(layout.rank) : alpha / layout.rank,
    adapters: [adapter],
    adapterOf: lengths.map(() => 0),
  };
}
