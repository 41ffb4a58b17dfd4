import type { AdapterLayout, LoraAdapter } from '../adapter/index.js';
import type { TextEncoder } from '../encoder/index.js';
import { type DecoderEngine, processMemory, reconstructAdapters } from '../engine/index.js';
import type { Basis } from './basis.js';
import { conditionShape, multiplyAdds } from './decoder-shape.js';
import { deviceReport } from './device.js';
import { type EncodedGroup, encodeGroups } from './encode.js';
import { described } from './encoder-folder.js';
import { GeneratedAdapter } from './generated-adapter.js';
import type { GeneratorManifest } from './manifest.js';
import { type OnProgress, Progress } from './progress.js';
import type { Choice, PromptGroup } from './prompts.js';
import { reconstructAdapter } from './reconstruct.js';
import type { AdapterSummary, GenerationReport } from './report.js';
import { UNTRAINED } from './untrained-notice.js';

interface GeneratorParts {
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  basis: Basis | undefined;
  encoder: TextEncoder;
  engine: DecoderEngine;
  loadSeconds: number;
}

interface BatchOptions {
  seed: number;
  /** Conditions that are decoded together, at most. */
  batch: number;
  signal: AbortSignal;
  onProgress: OnProgress | undefined;
}

/** Prompt sets → adapters: encode, decode and average batch by batch, then compute statistics one by one. */
export async function generateBatch(
  parts: GeneratorParts,
  choices: readonly Choice[],
  { seed, batch, signal, onProgress }: BatchOptions,
): Promise<GeneratedAdapter[]> {
  const { manifest, layout, engine } = parts;
  const progress = new Progress(stageShares(manifest), onProgress);
  const { encoded, weights, largestBatch, seconds } = await weightsOf(parts, choices, { batch, signal, progress });
  const clock = stopwatch();
  const reconstructing = progress.stage('restore');
  const adapters: GeneratedAdapter[] = [];
  for (const [place, choice] of choices.entries()) {
    const { adapter, summary } = await reconstructAdapter(layout, manifest.adapter, weights[place]!, {
      signal,
      onProgress: (fraction) => reconstructing((place + fraction) / choices.length),
    });
    const report = reportOf(manifest, choice, encoded[place]!, summary, {
      seed,
      batch: largestBatch,
      device: deviceReport(engine.device),
      seconds: { load: parts.loadSeconds, ...seconds, restore: clock() },
      memory: processMemory(),
    });
    adapters.push(new GeneratedAdapter(adapter, report, manifest.base));
  }
  return adapters;
}

/** The groups of all prompt sets, and the place of the set of each. */
function groupsOf(choices: readonly Choice[]): { set: number; group: PromptGroup }[] {
  return choices.flatMap(({ groups }, set) => groups.map((group) => ({ set, group })));
}

/** The weights of each prompt set, [elementCount]: the mean over its groups, which are encoded and decoded in batches. */
async function weightsOf(
  parts: GeneratorParts,
  choices: readonly Choice[],
  { batch, signal, progress }: Pick<BatchOptions, 'batch' | 'signal'> & { progress: Progress },
) {
  const { encoder, manifest } = parts;
  const groups = groupsOf(choices);
  const [encoding, decoding] = [progress.stage('encode'), progress.stage('decode')];
  const encoded: EncodedGroup[][] = choices.map(() => []);
  const weights: Float32Array[] = [];
  const seconds = { encode: 0, decode: 0 };
  const clock = stopwatch();
  for (let done = 0; done < groups.length; done += batch) {
    const own = groups.slice(done, done + batch);
    const overall = (report: (fraction: number) => void) => (fraction: number) =>
      report((done + fraction * own.length) / groups.length);
    const conditions = await encodeGroups(
      encoder,
      own.map(({ group }) => group),
      manifest.condition,
      { signal, onProgress: overall(encoding) },
    );
    seconds.encode += clock();
    const onProgress = overall(decoding);
    const found = await decoded(parts, conditions.hiddenStates, own.length, { signal, onProgress });
    for (const [place, { set }] of own.entries()) {
      encoded[set]!.push(conditions.groups[place]!);
      const sum = weights[set];
      if (sum) addTo(sum, found[place]!);
      else weights[set] = found[place]!;
    }
    seconds.decode += clock();
  }
  for (const [set, { groups: own }] of choices.entries()) if (own.length > 1) divide(weights[set]!, own.length);
  return { encoded, weights, largestBatch: Math.min(batch, groups.length), seconds };
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let index = 0; index < sum.length; index++) sum[index]! += values[index]!;
}

function divide(values: Float32Array, divisor: number): void {
  for (let index = 0; index < values.length; index++) values[index]! /= divisor;
}

/**
 * Decodes one condition, whatever it was made from.
 * @param condition [prompts, length, channels]
 */
export async function decodeCondition(
  parts: GeneratorParts,
  condition: Float32Array,
  { signal }: Pick<BatchOptions, 'signal'>,
): Promise<LoraAdapter> {
  const { manifest, layout } = parts;
  const [weights] = await decoded(parts, condition, 1, { signal });
  const { adapter } = await reconstructAdapter(layout, manifest.adapter, weights!, { signal });
  return adapter;
}

/** The adapters [elementCount] of a batch of conditions. Weight tokens are made from coefficients on the host. */
async function decoded(
  { layout, basis, engine }: Pick<GeneratorParts, 'layout' | 'basis' | 'engine'>,
  condition: Float32Array,
  batch: number,
  options: { signal: AbortSignal; onProgress?: (fraction: number) => void },
): Promise<Float32Array[]> {
  if (!basis) return engine.adapters(condition, batch, layout.flat(), options);
  const { signal } = options;
  const tokens = await basis.tokens(await engine.forward(condition, batch, options), batch, signal);
  return reconstructAdapters(tokens, batch, layout.flat(), { signal });
}

function reportOf(
  { training, preset, base, encoder, decoder }: GeneratorManifest,
  { given, groups, dropped, repeated }: Choice,
  encoded: readonly EncodedGroup[],
  adapter: AdapterSummary,
  rest: Pick<GenerationReport, 'seed' | 'batch' | 'device' | 'seconds' | 'memory'>,
): GenerationReport {
  const [wanted] = conditionShape(decoder);
  return {
    generator: {
      trained: training.trained,
      notice: training.trained ? null : UNTRAINED,
      preset,
      base: base.name,
      encoder: described(encoder),
    },
    prompts: {
      given,
      wanted,
      used: new Set(groups.flatMap(({ indices }) => indices)).size,
      groups: groups.length,
      dropped,
      repeated,
      truncated: encoded.flatMap(({ truncated }) => truncated).sort((one, other) => one - other),
      tokens: encoded.reduce((sum, { tokens }) => sum + tokens, 0),
    },
    ...rest,
    adapter,
  };
}

/** Multiply-adds per position and channels² of a small model (6 layers of 12); the hash encoder's are negligible. */
const ENCODER_COST = { model: 72, hash: 0.1 };

/** Estimated share of time of each stage, used only for progress. */
function stageShares({ decoder, encoder }: GeneratorManifest) {
  const [prompts, length] = conditionShape(decoder);
  const encode = prompts * length * encoder.channels ** 2 * ENCODER_COST[encoder.type === 'hash' ? 'hash' : 'model'];
  const decode = multiplyAdds(decoder);
  return { encode, decode, restore: 0.02 * (encode + decode) };
}

/** Seconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
