import type { AdapterLayout, LoraAdapter } from '../adapter/index.js';
import type { TextEncoder } from '../encoder/index.js';
import { type DecoderEngine, reconstructAdapters } from '../engine/index.js';
import type { Basis } from './basis.js';
import { conditionShape, multiplyAdds } from './decoder-shape.js';
import { deviceReport } from './device.js';
import { type EncodedSet, encodeSets } from './encode.js';
import { described } from './encoder-folder.js';
import { GeneratedAdapter } from './generated-adapter.js';
import type { GeneratorManifest } from './manifest.js';
import { type OnProgress, Progress } from './progress.js';
import type { Choice } from './prompts.js';
import { reconstructAdapter } from './reconstruct.js';
import type { AdapterSummary, GenerationReport } from './report.js';
import { UNTRAINED } from './untrained-notice.js';

interface GeneratorParts {
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  basis: Basis | undefined;
  encoder: TextEncoder;
  engine: DecoderEngine;
}

interface BatchOptions {
  seed: number;
  signal: AbortSignal;
  onProgress: OnProgress | undefined;
}

/** Prompt sets → adapters: encode, then decode and reconstruct as a batch, then compute statistics one by one. */
export async function generateBatch(
  parts: GeneratorParts,
  choices: readonly Choice[],
  { seed, signal, onProgress }: BatchOptions,
): Promise<GeneratedAdapter[]> {
  const { manifest, layout, encoder, engine } = parts;
  const progress = new Progress(stageShares(manifest), onProgress);
  const clock = stopwatch();
  const { hiddenStates, sets } = await encodeSets(encoder, choices, manifest.condition, {
    signal,
    onProgress: progress.stage('encode'),
  });
  const encode = clock();
  const weights = await decoded(parts, hiddenStates, choices.length, {
    signal,
    onProgress: progress.stage('decode'),
  });
  const decode = clock();
  const reconstructing = progress.stage('restore');
  const adapters: GeneratedAdapter[] = [];
  for (const [place, choice] of choices.entries()) {
    const { adapter, summary } = await reconstructAdapter(layout, manifest.adapter, weights[place]!, {
      signal,
      onProgress: (fraction) => reconstructing((place + fraction) / choices.length),
    });
    const seconds = { encode, decode, restore: clock() };
    const device = deviceReport(engine.device);
    const report = reportOf(manifest, choice, sets[place]!, summary, { seed, batch: choices.length, device, seconds });
    adapters.push(new GeneratedAdapter(adapter, report, manifest.base));
  }
  return adapters;
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
  { given, indices, dropped, repeated }: Choice,
  { tokens, truncated }: EncodedSet,
  adapter: AdapterSummary,
  rest: Pick<GenerationReport, 'seed' | 'batch' | 'device' | 'seconds'>,
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
    prompts: { given, wanted, used: new Set(indices).size, dropped, repeated, truncated, tokens },
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
