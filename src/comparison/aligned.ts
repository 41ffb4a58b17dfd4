import {
  compareModules,
  type GivenAdapter,
  type LoraAdapter,
  loraScale,
  moduleKey,
  requireFinite,
  toLoraAdapter,
} from '../adapter/index.js';
import { DndError } from '../errors.js';
import type { LowRank } from '../linear-algebra/index.js';
import { errorMessage, invalidValue, isText, quote } from '../validation/index.js';

/** An adapter and what it is called in results and messages: its folder, say. */
export interface NamedAdapter {
  /** Name in results and messages. */
  name: string;
  /** A `LoraAdapter`, or the generated adapter of a generator. */
  adapter: GivenAdapter;
  /** What was noticed when it was read; becomes notes of the result. */
  notes?: readonly string[] | undefined;
}

/** A module that at least one of several adapters changes. */
export interface AlignedModule {
  /** As the first adapter that has it names it. */
  module: string;
  inputWidth: number;
  outputWidth: number;
  /** ΔW of each adapter, as its factors; null where the adapter leaves the module as it is. */
  updates: (LowRank | null)[];
}

/** Several adapters, module by module. */
export interface AlignedAdapters {
  names: string[];
  adapters: LoraAdapter[];
  /** Layers ascending, in a layer the order of MODULES. */
  modules: AlignedModule[];
  /** What a person should know before trusting a comparison. */
  notes: string[];
}

/**
 * Finds the modules of several adapters that are the same, whatever wrapper their names begin with.
 * @param smallest number of adapters
 * @throws DndError SHAPE_MISMATCH for adapters of different bases: a module of two shapes, or no module in common;
 * INVALID_WEIGHTS for NaN or infinity; INVALID_ARGUMENT for too few adapters; `signal.reason` after an abort
 */
export async function alignAdapters(
  given: readonly NamedAdapter[],
  smallest: number,
  operation: { signal?: AbortSignal | undefined } = {},
): Promise<AlignedAdapters> {
  const { names, adapters } = checkAdapters(given, smallest);
  for (const [i, adapter] of adapters.entries()) await requireFinite(adapter, names[i]!, operation);
  const found = new Map<string, AlignedModule>();
  for (const [i, adapter] of adapters.entries()) {
    const own = new Set<string>();
    for (const module of adapter.moduleNames()) {
      const key = moduleKey(module);
      if (own.has(key))
        throw new DndError('SHAPE_MISMATCH', `${names[i]}: ${module} is there twice, under two spellings of its name`);
      own.add(key);
      const update = updateOf(adapter, module);
      const { rows: outputWidth, columns: inputWidth } = update;
      const updates = () => adapters.map((): LowRank | null => null);
      const aligned = found.get(key) ?? { module, inputWidth, outputWidth, updates: updates() };
      const shapes = [aligned, { inputWidth, outputWidth }].map((each) => `[${each.outputWidth}, ${each.inputWidth}]`);
      if (shapes[0] !== shapes[1]) throw otherBase(names, aligned, i, shapes as [string, string]);
      aligned.updates[i] = update;
      found.set(key, aligned);
    }
  }
  const modules = [...found.values()].sort((a, b) => compareModules(a.module, b.module));
  checkOverlap(names, adapters, modules);
  return {
    names,
    adapters,
    modules,
    notes: [...given.flatMap(({ notes = [] }) => notes), ...notesOf(names, adapters, modules)],
  };
}

function checkAdapters(given: readonly NamedAdapter[], smallest: number): { names: string[]; adapters: LoraAdapter[] } {
  if (!Array.isArray(given) || given.length < smallest)
    throw invalidValue(
      'INVALID_ARGUMENT',
      'the adapters',
      `a list of at least ${smallest}`,
      Array.isArray(given) ? given.length : given,
    );
  const names = given.map((each: NamedAdapter | null) => {
    if (isText(each?.name)) return each.name;
    throw invalidValue('INVALID_ARGUMENT', 'the name of an adapter', 'a text', each?.name);
  });
  const adapters = given.map(({ adapter }) => toLoraAdapter(adapter));
  return { names, adapters };
}

function updateOf(adapter: LoraAdapter, module: string): LowRank {
  const { a, b, rank, inputWidth, outputWidth } = adapter.pair(module);
  const scale = loraScale(adapter.config, module, rank);
  return { rows: outputWidth, columns: inputWidth, rank, scale, left: b, right: a };
}

function otherBase(
  names: readonly string[],
  { module, updates }: AlignedModule,
  index: number,
  [first, second]: [string, string],
): DndError {
  const before = names[updates.findIndex((update) => update !== null)];
  return new DndError(
    'SHAPE_MISMATCH',
    errorMessage({
      what: `${names[index]}: ${module}`,
      problem: `has another shape than in ${before}, so the adapters belong to different bases`,
      expected: first,
      shown: second,
      advice: 'give adapters of one base model',
    }),
  );
}

/** Disjoint modules are fine on one base, and the only sign of another one where the shapes cannot disagree. */
function checkOverlap(names: readonly string[], adapters: readonly LoraAdapter[], modules: readonly AlignedModule[]) {
  for (const [i, name] of names.entries()) {
    const own = modules.filter(({ updates }) => updates[i] !== null);
    if (own.length === 0) throw new DndError('SHAPE_MISMATCH', `${name}: it adapts no modules`);
    const shared = own.some(({ updates }) => updates.some((update, other) => other !== i && update !== null));
    const base = adapters[i]!.config.baseModelName;
    if (shared || names.length === 1) continue;
    if (base !== null && adapters.every(({ config }) => config.baseModelName === base)) continue;
    throw new DndError(
      'SHAPE_MISMATCH',
      errorMessage({
        what: name,
        problem: `has no module in common with the other adapters (it adapts ${own[0]!.module})`,
        expected: 'adapters of one base model',
        shown: `an adapter of ${base === null ? 'an unnamed base' : quote(base)}`,
        advice: 'give adapters of one base model; their base_model_name_or_path must agree if their modules differ',
      }),
    );
  }
}

const MOST_NAMED = 3;

function notesOf(names: readonly string[], adapters: readonly LoraAdapter[], modules: readonly AlignedModule[]) {
  const bases = new Set(adapters.map(({ config }) => config.baseModelName).filter((name) => name !== null));
  const differ =
    bases.size > 1
      ? [`the adapters name different base models (${[...bases].map(quote).join(', ')}), of the same shapes`]
      : [];
  const missing = names.flatMap((name, i) => {
    const absent = modules.filter(({ updates }) => updates[i] === null).map(({ module }) => module);
    if (absent.length === 0) return [];
    const more = absent.length > MOST_NAMED ? ` and ${absent.length - MOST_NAMED} more` : '';
    const named = absent.slice(0, MOST_NAMED).join(', ') + more;
    return [`${name} does not adapt ${named}: its change there is 0`];
  });
  return [...differ, ...missing];
}
