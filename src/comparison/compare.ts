import { type LongOperation, steadyProgress } from '../async/index.js';
import { dot, effectiveRank, type Matrix, norm, SharedBases } from '../linear-algebra/index.js';
import { checkOptions } from '../validation/index.js';
import { type AlignedModule, alignAdapters, type NamedAdapter } from './aligned.js';
import type { AdapterComparison, ModuleComparison, ModuleUpdate, PairComparison } from './comparison.js';

/**
 * Compares what adapters of one base change: norms, effective ranks, cosines and distances of ΔW = scale · B · A, by
 * module and as a whole. Two adapters with equal ΔW have distance 0, whatever their factors, ranks and scales. ΔW is
 * never formed: everything is computed from B and A, in float64.
 * @param adapters two or more; modules that one lacks count as unchanged by it
 * @throws DndError SHAPE_MISMATCH for adapters of different bases, INVALID_WEIGHTS for NaN or infinity,
 * INVALID_ARGUMENT for fewer than two adapters; `signal.reason` after an abort
 */
export async function compareAdapters(
  adapters: readonly NamedAdapter[],
  operation: LongOperation = {},
): Promise<AdapterComparison> {
  const { signal, onProgress } = checkOptions(operation, 'options of compareAdapters');
  const aligned = await alignAdapters(adapters, 2, { signal });
  const report = steadyProgress(onProgress);
  const modules: ModuleComparison[] = [];
  for (const module of aligned.modules) {
    modules.push(await compareModule(module, signal));
    report(modules.length / aligned.modules.length);
  }
  return {
    adapters: aligned.adapters.map(({ config }, i) => {
      const own = modules.map((module) => module.adapters[i]!).filter(({ rank }) => rank !== null);
      return {
        name: aligned.names[i]!,
        baseModelName: config.baseModelName,
        rank: config.rank,
        alpha: config.alpha,
        useRslora: config.useRslora,
        modules: own.length,
        norm: Math.hypot(...own.map((update) => update.norm)),
        effectiveRank: meanOf(own.filter((update) => update.norm > 0).map((update) => update.effectiveRank)),
      };
    }),
    pairs: wholePairs(modules),
    modules,
    notes: aligned.notes,
  };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function compareModule(
  { module, inputWidth, outputWidth, updates }: AlignedModule,
  signal: AbortSignal | undefined,
): Promise<ModuleComparison> {
  const present = updates.filter((update) => update !== null);
  const bases = await SharedBases.of(present, { signal });
  const cores: (Matrix | null)[] = [];
  const adapters: ModuleUpdate[] = [];
  for (const update of updates) {
    if (update === null) {
      cores.push(null);
      adapters.push({ rank: null, norm: 0, effectiveRank: 0 });
      continue;
    }
    const place = present.indexOf(update);
    const core = bases.cores[place]!;
    cores.push(core);
    const values = await bases.singularValues(place, { signal });
    adapters.push({ rank: update.rank, norm: norm(core.values), effectiveRank: effectiveRank(values) });
  }
  const pairs = everyTwo(updates.length).map(([first, second]) => {
    const norms = [adapters[first]!.norm, adapters[second]!.norm] as const;
    const distance = distanceOf(cores[first]!, cores[second]!);
    return pairOf(first, second, norms, distance, cosineOf(cores[first]!, cores[second]!, norms));
  });
  return { module, inputWidth, outputWidth, adapters, pairs };
}

function everyTwo(count: number): [number, number][] {
  return Array.from({ length: count }, (_, first) =>
    Array.from({ length: count - first - 1 }, (_, more): [number, number] => [first, first + more + 1]),
  ).flat();
}

/** Relative size of the rounding errors in a distance. */
const ROUNDING = 1e-14;

function pairOf(
  first: number,
  second: number,
  norms: readonly [number, number],
  distance: number,
  cosine: number | null,
): PairComparison {
  const together = Math.hypot(...norms);
  const shown = distance <= ROUNDING * together ? 0 : distance;
  return { first, second, cosine, distance: shown, relativeDistance: together === 0 ? null : shown / together };
}

/** Of the differences themselves: from norms and a scalar product, close adapters would lose half of the digits. */
function distanceOf(first: Matrix | null, second: Matrix | null): number {
  if (first && second) return norm(first.values.map((value, i) => value - second.values[i]!));
  return norm((first ?? second)?.values ?? new Float64Array());
}

function cosineOf(first: Matrix | null, second: Matrix | null, norms: readonly [number, number]): number | null {
  if (norms.includes(0)) return null;
  if (!first || !second) return null;
  const unit = first.values.map((value) => value / norms[0]);
  return clamped(dot(unit, second.values) / norms[1]);
}

function clamped(cosine: number): number {
  return Math.min(1, Math.max(-1, cosine));
}

/** All modules as one vector: a module counts by the size of its change. */
function wholePairs(modules: readonly ModuleComparison[]): PairComparison[] {
  const norms = modules[0]!.adapters.map((_, i) => Math.hypot(...modules.map(({ adapters }) => adapters[i]!.norm)));
  return modules[0]!.pairs.map(({ first, second }, place) => {
    const own = [norms[first]!, norms[second]!] as const;
    const cosine = modules.reduce((sum, { adapters, pairs }) => {
      const shares = [adapters[first]!.norm / own[0], adapters[second]!.norm / own[1]] as const;
      return sum + (pairs[place]!.cosine ?? 0) * shares[0] * shares[1];
    }, 0);
    const distance = Math.hypot(...modules.map(({ pairs }) => pairs[place]!.distance));
    return pairOf(first, second, own, distance, own.includes(0) ? null : clamped(cosine));
  });
}
