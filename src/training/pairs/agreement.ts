import {
  AdapterLayout,
  type BaseModel,
  MODULES,
  type ModuleName,
  placeKey,
  type TensorShape,
  widthsOf,
} from '../../adapter/index.js';
import { table } from '../../text-table.js';
import type { ScannedCheckpoint } from './scan.js';
import type { PairsAdapter } from './types.js';

/** A difference between a checkpoint and the others, the base model or pairs.json. */
export interface Mismatch {
  checkpoint: string;
  task: string;
  /** A tensor, or a setting of adapter_config.json. */
  what: string;
  found: string;
  expected: string;
}

export interface Agreement {
  adapter: PairsAdapter;
  /** Of an adapter, in the order of a layout. */
  tensors: TensorShape[];
  mismatches: Mismatch[];
  /** Whether the adapter's alpha is assumed. */
  alphaUnknown: boolean;
}

/** A checkpoint and its task. */
export interface Member {
  task: string;
  checkpoint: ScannedCheckpoint;
}

/**
 * The common layout, and the checkpoints that differ from it: widths and layers are the base model's, if known;
 * everything else is taken from pairs.json, or else from most checkpoints (on a tie, from the first).
 */
export function agree(
  members: readonly Member[],
  base: BaseModel | null,
  settings: Partial<PairsAdapter>,
): Agreement | undefined {
  const model = mostCommon(members, ({ checkpoint }) => JSON.stringify(shapesOf(checkpoint.layout)));
  if (!model) return undefined;
  const common = model.checkpoint.layout;
  const rank = settings.rank ?? common.rank;
  const modules = settings.modules ?? common.modules;
  const layout = base ? new AdapterLayout({ base, rank, modules }) : resized(common, rank, modules);
  const configured = members.filter(({ checkpoint }) => checkpoint.config !== null);
  const applied = mostCommon(configured, ({ checkpoint: { config } }) => `${config!.alpha} ${config!.useRslora}`);
  const config = applied?.checkpoint.config;
  const adapter: PairsAdapter = {
    rank,
    alpha: settings.alpha ?? config?.alpha ?? 2 * rank,
    useRslora: settings.useRslora ?? config?.useRslora ?? false,
    modules: [...modules],
  };
  const expected = shapesOf(layout);
  return {
    adapter,
    tensors: expected,
    mismatches: members.flatMap((member) => [
      ...missingModules(member, modules, layout),
      ...tensorMismatches(member, expected),
      ...settingMismatches(member, adapter),
    ]),
    alphaUnknown: settings.alpha === undefined && config === undefined,
  };
}

const LONGEST_TABLE = 12;
const ROWS_OF_ONE = 3;

/** Checkpoint × tensor: found and expected. The first few of each checkpoint, and the number of others. */
export function mismatchTable(mismatches: readonly Mismatch[]): string[] {
  const shown: Mismatch[] = [];
  const rows = new Map<string, number>();
  for (const mismatch of mismatches) {
    const count = (rows.get(mismatch.checkpoint) ?? 0) + 1;
    rows.set(mismatch.checkpoint, count);
    if (count <= ROWS_OF_ONE && shown.length < LONGEST_TABLE) shown.push(mismatch);
  }
  const lines = table(
    ['checkpoint', 'tensor', 'found', 'expected'],
    shown.map(({ checkpoint, what, found, expected }) => [checkpoint, what, found, expected]),
  );
  const more = mismatches.length - shown.length;
  if (more === 0) return lines;
  return [...lines, `… and ${more} more, ${mismatches.length} in ${rows.size} checkpoint${rows.size === 1 ? '' : 's'}`];
}

function shapesOf(layout: AdapterLayout): TensorShape[] {
  return layout.tensors.map(({ name, shape }) => ({ name, shape: [...shape] }));
}

/** The layout with another rank and the given modules whose widths are known. */
function resized(layout: AdapterLayout, rank: number, modules: readonly ModuleName[]): AdapterLayout {
  const json = layout.toJSON();
  const widths = 'widths' in json ? json.widths : widthsOf(json.base);
  const known = MODULES.filter(({ name, input, output }) => modules.includes(name) && widths[input] && widths[output]);
  const { layers } = layout;
  const names = known.length > 0 ? known.map(({ name }) => name) : layout.modules;
  return new AdapterLayout({ base: null, widths, layers, layersPath: layout.layersPath, rank, modules: names });
}

/** Expected modules missing from the layout because no checkpoint determines their widths. */
function missingModules(
  { task, checkpoint: { name } }: Member,
  expected: readonly ModuleName[],
  layout: AdapterLayout,
) {
  return expected
    .filter((module) => !layout.modules.includes(module))
    .map((what): Mismatch => ({ checkpoint: name, task, what, found: NOTHING, expected: 'lora_A and lora_B' }));
}

function tensorMismatches({ task, checkpoint }: Member, expected: readonly TensorShape[]): Mismatch[] {
  const found = new Map(checkpoint.layout.tensors.map((tensor) => [placeKey(tensor.name)!, tensor]));
  const mismatch = (what: string, was: string, expected: string): Mismatch => ({
    checkpoint: checkpoint.name,
    task,
    what,
    found: was,
    expected,
  });
  const wrong = expected.flatMap(({ name, shape }) => {
    const key = placeKey(name)!;
    const own = found.get(key);
    found.delete(key);
    const [was, expected] = [own ? shapeText(own.shape) : NOTHING, shapeText(shape)];
    return was === expected ? [] : [mismatch(name, was, expected)];
  });
  return [...wrong, ...Array.from(found.values(), ({ name, shape }) => mismatch(name, shapeText(shape), NOTHING))];
}

const NOTHING = 'nothing';

function settingMismatches({ task, checkpoint: { name, config } }: Member, adapter: PairsAdapter): Mismatch[] {
  if (config === null) return [];
  const settings = [
    ['lora_alpha', config.alpha, adapter.alpha],
    ['use_rslora', config.useRslora, adapter.useRslora],
  ] as const;
  return settings
    .filter(([, found, expected]) => found !== expected)
    .map(([what, found, expected]) => ({
      checkpoint: name,
      task,
      what,
      found: String(found),
      expected: String(expected),
    }));
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** The first member with the most common key. */
function mostCommon(members: readonly Member[], keyOf: (member: Member) => string): Member | undefined {
  const groups = new Map<string, { first: Member; count: number }>();
  let best: { first: Member; count: number } | undefined;
  for (const member of members) {
    const key = keyOf(member);
    const group = groups.get(key) ?? { first: member, count: 0 };
    group.count++;
    groups.set(key, group);
    if (!best || group.count > best.count) best = group;
  }
  if (!best) return undefined;
  // On a tie the first group wins.
  for (const group of groups.values()) if (group.count === best.count) return group.first;
  return best.first;
}
