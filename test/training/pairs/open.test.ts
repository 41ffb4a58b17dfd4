import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { DndError } from '../../../src/errors.js';
import { openPairs, type Pairs, pairsLayout, readTarget } from '../../../src/training/pairs/index.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { checkpointPath, configOf, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);
const open = (options = {}) => openPairs(temporary(), options);

/** The error that opening ends with. */
async function failure(options = {}): Promise<{ code: string; message: string }> {
  return open(options).then(
    () => Promise.reject(new Error('the pairs were opened')),
    (error) => error,
  );
}

async function spoil(path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}

const truncated = (bytes: Buffer) => bytes.subarray(0, bytes.length - 100);
/** Weights follow the header; the last number becomes NaN. */
const withNan = (bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  changed.writeFloatLE(Number.NaN, bytes.length - 4);
  return changed;
};

const withHalf = (bytes: Buffer) => {
  bytes.writeFloatLE(0.5, bytes.length - 4);
  return bytes;
};

describe('a sound folder', () => {
  test('with descriptions of a task, in its folder or where pairs.json says', async () => {
    const without = { formatVersion: 1, base: configOf(TINY_BASE), tasks: { a: {}, b: {} } };
    await writePairs(temporary(), { tasks: { a: {}, b: {} }, pairsJson: without });
    const before = await open();
    expect(before.tasks[0]!.descriptions).toBeUndefined();
    await writeFile(at('a', 'descriptions.json'), '["about a", {"text": "what a is"}]');
    await writeFile(at('texts.txt'), 'about b\n');
    await writeFile(
      at('pairs.json'),
      JSON.stringify({ ...without, tasks: { a: {}, b: { descriptions: 'texts.txt' } } }),
    );
    const pairs = await open();
    expect(pairs.tasks.map(({ descriptions }) => descriptions)).toEqual([['about a', 'what a is'], ['about b']]);
    expect(pairs.digest).not.toBe(before.digest);
    await writeFile(at('a', 'descriptions.txt'), 'twice');
    expect((await failure()).message).toMatch(/several files of descriptions/);
  });

  test('as HF Trainer and PEFT wrote it: tasks, prompts with responses, checkpoints in the order of their steps', async () => {
    await writePairs(temporary(), { tasks: { b: { checkpoints: 11 }, a: {} }, heldOut: ['b'] });
    const fractions: number[] = [];
    const pairs = await open({ onProgress: (fraction: number) => fractions.push(fraction) });
    expect(pairs).toMatchObject({
      folder: temporary(),
      base: TINY_BASE,
      adapter: { rank: 2, alpha: 4, useRslora: false },
      skipped: [],
      warnings: [],
    });
    expect(pairs.tasks.map(({ name, heldOut }) => [name, heldOut])).toEqual([
      ['a', false],
      ['b', true],
    ]);
    expect(pairs.tasks[0]!.items[0]).toEqual({ prompt: expect.stringMatching(/^Question 1/), response: 'number 0' });
    expect(pairs.tasks[1]!.checkpoints.map(({ name }) => name)).toEqual(
      Array.from({ length: 11 }, (_, i) => `b/checkpoints/checkpoint-${i + 1}`),
    );
    expect(fractions.at(-1)).toBe(1);
    expect(pairs.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('of plain safetensors files, with one adapter_config.json beside them', async () => {
    await writePairs(temporary(), { style: 'plain', tasks: { a: { checkpoints: 10 } } });
    const { tasks, adapter } = await open();
    expect(tasks[0]!.checkpoints.map(({ name }) => name).slice(-2)).toEqual([
      'a/checkpoints/9.safetensors',
      'a/checkpoints/10.safetensors',
    ]);
    expect(adapter).toMatchObject({ rank: 2, alpha: 4 });
  });

  test('without adapter_config.json: alpha is twice the rank, with a warning, unless pairs.json sets it', async () => {
    await writePairs(temporary(), { style: 'plain', tasks: { a: {} } });
    await rm(at('a/checkpoints/adapter_config.json'));
    const pairs = await open();
    expect(pairs.adapter.alpha).toBe(4);
    expect(pairs.warnings).toEqual([expect.stringContaining('alpha: assuming 4, twice the rank')]);
    const told = { base: configOf(TINY_BASE), adapter: { alpha: 32, useRslora: true } };
    await writeFile(at('pairs.json'), JSON.stringify(told));
    expect(await open()).toMatchObject({ adapter: { alpha: 32, useRslora: true }, warnings: [] });
  });

  test('of a trainer’s output folder: the adapter above the checkpoints is the last; other files are skipped', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 3 } } });
    await rename(at('a/checkpoints/checkpoint-3'), at('final'));
    await cp(at('final'), at('a/checkpoints'), { recursive: true });
    await mkdir(at('a/checkpoints/runs'));
    await writeFile(at('a/checkpoints/runs/events.out'), '');
    await writeFile(at('a/checkpoints/.hidden.safetensors'), 'no');
    await rm(at('final'), { recursive: true });
    const { tasks } = await open();
    expect(tasks[0]!.checkpoints.map(({ name }) => name)).toEqual([
      'a/checkpoints/checkpoint-1',
      'a/checkpoints/checkpoint-2',
      'a/checkpoints/adapter_model.safetensors',
    ]);
  });

  test('with other folders in it, such as a run’s, which are no tasks', async () => {
    await writePairs(temporary(), { tasks: { a: {} } });
    await mkdir(at('run/checkpoints'), { recursive: true });
    await writeFile(at('run/run.json'), '{}');
    await mkdir(at('begun'));
    await writeFile(at('begun/.lock'), '');
    await mkdir(at('base'));
    await writeFile(at('base/config.json'), '{}');
    await writeFile(at('README.md'), '');
    expect((await open()).tasks.map(({ name }) => name)).toEqual(['a']);
  });

  test('with prompts files of any form, whose fields pairs.json or the caller names', async () => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    await rm(at('a/prompts.json'));
    await writeFile(at('a/prompts.tsv.gz'), gzipSync('frage\tantwort\none\tfirst\n'));
    await writeFile(at('b/prompts.json'), JSON.stringify([{ frage: 'two', antwort: 'second', gold: 'third' }]));
    const manifest = { base: configOf(TINY_BASE), promptField: 'frage', responseField: 'antwort', system: 'Be brief.' };
    await writeFile(at('pairs.json'), JSON.stringify(manifest));
    const items = async (fields: object) => (await open({ fields })).tasks.map((task) => task.items);
    expect(await items({ responseField: undefined })).toEqual([
      [{ prompt: 'Be brief.\none', response: 'first' }],
      [{ prompt: 'Be brief.\ntwo', response: 'second' }],
    ]);
    expect((await items({ responseField: 'frage', system: 'x' }))[1]).toEqual([{ prompt: 'x\ntwo', response: 'two' }]);
  });

  test('whose tasks are trainers’ output folders with a prompts file added, or are where pairs.json says', async () => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    const places = { prompts: 'b/prompts.json', checkpoints: 'a/checkpoints/checkpoint-2' };
    await writeFile(at('pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), tasks: { one: places } }));
    const [one] = (await open()).tasks;
    expect(one!.items[0]!.prompt).toContain('about b');
    expect(one!.checkpoints.map(({ name }) => name)).toEqual(['a/checkpoints/checkpoint-2/adapter_model.safetensors']);

    await cp(at('a/checkpoints'), at('a'), { recursive: true });
    await rm(at('a/checkpoints'), { recursive: true });
    await writeFile(at('pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), tasks: ['a'] }));
    expect((await open()).tasks[0]!.checkpoints.map(({ name }) => name)).toEqual(
      [1, 2, 3, 4].map((step) => `a/checkpoint-${step}`),
    );
  });

  test('the layout is the base model’s, or without one the checkpoints’ own; a target is their weight tokens', async () => {
    await writePairs(temporary(), { tasks: { a: {} }, modules: ['q_proj', 'v_proj'] });
    const withBase = await open();
    await rm(at('pairs.json'));
    const without = await open();
    expect(without.base).toBeNull();
    const layouts = [pairsLayout(withBase), pairsLayout(without)] as const;
    expect(layouts[0].tensors).toEqual(layouts[1].tensors);
    expect(pairsLayout(withBase, 16).chunk).toBe(16);
    const checkpoint = withBase.tasks[0]!.checkpoints[2]!;
    const target = await readTarget(checkpoint, layouts[0]);
    expect(target).toHaveLength(layouts[0].size);
    expect(target).toEqual(await readTarget(checkpoint, layouts[1]));
    expect(target.some(Number.isNaN)).toBe(true);
    expect(target.every((value) => Number.isNaN(value) || Number.isFinite(value))).toBe(true);
  });

  test('the base model may be given, be in a folder, or be named by the checkpoints', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } }, pairsJson: null });
    await mkdir(at('model/base'), { recursive: true });
    await writeFile(at('model/base/config.json'), JSON.stringify(configOf(TINY_BASE)));
    expect((await open({ base: at('model/base') })).base).toEqual(TINY_BASE);
    expect((await open({ base: TINY_BASE })).base).toEqual(TINY_BASE);
    await writeFile(at('pairs.json'), '{"base": "model/base/config.json", "tasks": ["a"]}');
    expect((await open()).base).toEqual(TINY_BASE);
    await writeFile(at('pairs.json'), '{"tasks": ["a"]}');
    expect((await open()).base).toBeNull();
    for (const step of [1, 2]) {
      const path = at(`a/checkpoints/checkpoint-${step}/adapter_config.json`);
      const config = JSON.parse(await readFile(path, 'utf8'));
      await writeFile(path, JSON.stringify({ ...config, base_model_name_or_path: at('model/base') }));
    }
    expect((await open()).base).toEqual(TINY_BASE);
  });

  test('what a warning is for: duplicates, and a task with one checkpoint', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 3 }, b: { checkpoints: 1 } } });
    await cp(checkpointPath(temporary(), 'a', 1), checkpointPath(temporary(), 'a', 3));
    // The same matrices under names without PEFT's prefix.
    const path = checkpointPath(temporary(), 'a', 2);
    const bytes = await readFile(checkpointPath(temporary(), 'b', 1));
    const length = Number(bytes.readBigUInt64LE());
    const header = bytes
      .subarray(8, 8 + length)
      .toString()
      .replaceAll('base_model.model.', '')
      .trim();
    const prefix = Buffer.alloc(8 + length, ' ');
    prefix.writeBigUInt64LE(BigInt(length));
    prefix.write(header, 8);
    await writeFile(path, Buffer.concat([prefix, bytes.subarray(8 + length)]));
    expect((await open()).warnings).toEqual([
      expect.stringMatching(/checkpoint-1, .*checkpoint-3 are byte-identical/),
      expect.stringMatching(/a\/checkpoints\/checkpoint-2, b\/checkpoints\/checkpoint-1 have the same weights/),
      expect.stringContaining('b does not contribute to token importance'),
    ]);
  });
});

describe('the digest', () => {
  const digest = async () => (await open()).digest;

  test('is the same for the same pairs, wherever they lie', async () => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    const before = await digest();
    expect(await digest()).toBe(before);
    const other = useCopy();
    await cp(temporary(), other, { recursive: true });
    try {
      expect((await openPairs(other)).digest).toBe(before);
    } finally {
      await rm(other, { recursive: true });
    }
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a weight', () => spoil(checkpointPath(temporary(), 'a', 2), withHalf)],
    [
      'a prompt',
      () => spoil(at('a/prompts.json'), (bytes) => Buffer.from(bytes.toString().replace('Question 3', 'Question E'))),
    ],
    [
      'a response',
      () => spoil(at('b/prompts.json'), (bytes) => Buffer.from(bytes.toString().replace('number 0', 'number 9'))),
    ],
    ['a checkpoint’s name', () => rename(at('a/checkpoints/checkpoint-4'), at('a/checkpoints/checkpoint-5'))],
    ['a task’s name', () => rename(at('a'), at('c'))],
    [
      'which tasks are held out',
      () => writeFile(at('pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), heldOut: ['b'] })),
    ],
    ['a checkpoint fewer', () => rm(at('a/checkpoints/checkpoint-4'), { recursive: true })],
  ])('changes with %s', async (_, change) => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    const before = await digest();
    await change();
    expect(await digest()).not.toBe(before);
  });
});

function useCopy(): string {
  return `${temporary()}-copy`;
}

describe('damaged checkpoints', () => {
  /** Five ways to be damaged, and what is said of each. */
  async function damage(): Promise<[name: string, message: RegExp][]> {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 8 }, b: {} } });
    const path = (step: number) => checkpointPath(temporary(), 'a', step);
    await spoil(path(1), truncated);
    await spoil(path(2), withNan);
    await spoil(path(3), (bytes) =>
      Buffer.from(bytes.toString('latin1').replace('v_proj.lora_B', 'v_proj.lora_X'), 'latin1'),
    );
    await spoil(path(4), (bytes) =>
      Buffer.from(bytes.toString('latin1').replace('v_proj.lora_B', 'q_proj.lora_B'), 'latin1'),
    );
    await spoil(path(5), () => Buffer.from('{}'));
    await rename(path(6), at('a/checkpoints/checkpoint-6/adapter_model.bin'));
    await rm(path(7));
    return [
      ['checkpoint-1', /may be truncated/],
      ['checkpoint-2', /holds NaN at \[/],
      ['checkpoint-3', /lora_X/],
      ['checkpoint-4', /./],
      ['checkpoint-5', /fewer than the 8/],
      ['checkpoint-6', /adapter_model.bin is in PyTorch’s format.*safe_serialization/],
      ['checkpoint-7', /may have been interrupted/],
    ];
  }

  test('are all named at once, each with what is wrong', async () => {
    const damaged = await damage();
    const { code, message } = await failure();
    expect(code).toBe('CORRUPT_FILE');
    const lines = message.split('\n');
    for (const [name, what] of damaged) {
      const line = lines.find((each) => each.includes(`a/checkpoints/${name}`));
      expect(line).toMatch(what);
    }
    expect(lines[0]).toContain('7 problems');
    expect(message).not.toContain('checkpoint-8');
    expect(message).toContain('--skip-corrupt');
  });

  test('are skipped on request, and reported', async () => {
    const damaged = await damage();
    const pairs = await open({ skipCorrupt: true });
    expect(pairs.tasks.map(({ checkpoints }) => checkpoints.length)).toEqual([1, 4]);
    expect(pairs.tasks[0]!.checkpoints[0]!.name).toBe('a/checkpoints/checkpoint-8');
    const reported = pairs.skipped.map(({ checkpoint }) => checkpoint).sort();
    expect(reported).toEqual(damaged.map(([name]) => `a/checkpoints/${name}`).sort());
    expect(pairs.skipped.every(({ task }) => task === 'a')).toBe(true);
    expect(pairs.warnings[0]).toContain('7 damaged checkpoints skipped');
  });

  test('a single one has its own error code', async () => {
    await writePairs(temporary(), { tasks: { a: {} } });
    await spoil(checkpointPath(temporary(), 'a', 2), withNan);
    expect(await failure()).toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringMatching(/a\/checkpoints\/checkpoint-2: base_model.* holds NaN/),
    });
  });

  test('of which a task has no others stop it even then', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 1 }, b: {} } });
    await spoil(checkpointPath(temporary(), 'a', 1), truncated);
    expect(await failure({ skipCorrupt: true })).toMatchObject({
      message: expect.stringMatching(/task a has no usable checkpoint[\s\S]*checkpoint-1/),
    });
  });

  test('a link to nothing is one of them', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } }, style: 'plain' });
    await symlink(at('nowhere'), at('a/checkpoints/3.safetensors'));
    expect(await failure()).toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('3.safetensors'),
    });
    const { tasks, skipped } = await open({ skipCorrupt: true });
    expect([tasks[0]!.checkpoints.length, skipped.length]).toEqual([2, 1]);
  });

  test('an adapter that is more than LoRA is one of them', async () => {
    await writePairs(temporary(), { tasks: { a: {} } });
    const path = at('a/checkpoints/checkpoint-1/adapter_config.json');
    await spoil(path, (bytes) => Buffer.from(bytes.toString().replace('"use_dora": false', '"use_dora": true')));
    expect(await failure()).toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining('DoRA') });
    expect((await open({ skipCorrupt: true })).skipped).toHaveLength(1);
  });
});

describe('layouts that differ', () => {
  test('are refused with a table of checkpoint and tensor, even if damaged ones are skipped', async () => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    await writePairs(at('other'), { tasks: { b: {} }, rank: 3 });
    await cp(at('other/b/checkpoints/checkpoint-1'), at('b/checkpoints/checkpoint-1'), { recursive: true });
    await rm(at('other'), { recursive: true });
    for (const skipCorrupt of [false, true]) {
      const { code, message } = await failure({ skipCorrupt });
      expect(code).toBe('LAYOUT_MISMATCH');
      expect(message).toMatch(/^checkpoint +tensor +found +expected$/m);
      expect(message).toMatch(
        /^b\/checkpoints\/checkpoint-1 +base_model\.\S+\.0\.self_attn\.q_proj\.lora_A\.weight +\[3, 64\] +\[2, 64\]$/m,
      );
      expect(message).toContain('… and 25 more, 28 in 1 checkpoint');
    }
  });

  test('from the base model are, too', async () => {
    const deeper = { ...TINY_BASE, layers: 3 };
    await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } }, pairsJson: { base: configOf(deeper) } });
    const { code, message } = await failure();
    expect(code).toBe('LAYOUT_MISMATCH');
    expect(message).toMatch(/checkpoint-1 +\S+layers\.2\.self_attn\.q_proj\.lora_A\.weight +nothing +\[2, 64\]/);
    expect(message).toContain('28 in 2 checkpoints');
  });

  test('as are other modules, and another alpha', async () => {
    await writePairs(temporary(), { tasks: { a: {}, b: {} }, modules: ['q_proj'] });
    await writePairs(at('other'), { tasks: { b: {} }, modules: ['q_proj', 'k_proj'], alpha: 16 });
    await cp(at('other/b/checkpoints/checkpoint-1'), at('b/checkpoints/checkpoint-1'), { recursive: true });
    await rm(at('other'), { recursive: true });
    const { message } = await failure();
    expect(message).toMatch(/k_proj\.lora_A\.weight +\[2, 64\] +nothing/);
    await rm(at('b/checkpoints/checkpoint-1'), { recursive: true });
    await spoil(at('b/checkpoints/checkpoint-2/adapter_config.json'), (bytes) =>
      Buffer.from(bytes.toString().replace('"lora_alpha": 4', '"lora_alpha": 16')),
    );
    expect((await failure()).message).toMatch(/b\/checkpoints\/checkpoint-2 +lora_alpha +16 +4/);
  });

  test('as is what pairs.json says of the adapters', async () => {
    await writePairs(temporary(), { tasks: { a: {} }, pairsJson: { adapter: { rank: 4 } } });
    expect((await failure()).message).toMatch(/lora_A\.weight +\[2, 64\] +\[4, 64\]/);
    await writeFile(at('pairs.json'), '{"adapter": {"modules": ["q_proj"]}}');
    expect((await failure()).message).toMatch(/k_proj\.lora_A\.weight +\[2, 64\] +nothing/);
  });
});

describe('what cannot be trained on is refused, and named', () => {
  test.each<[string, () => Promise<unknown>, string, string]>([
    ['no tasks', async () => {}, 'INVALID_PAIRS', 'has no tasks'],
    ['an empty task', () => mkdir(at('empty')), 'INVALID_PAIRS', 'task empty has no prompts'],
    ['a task without prompts', () => rm(at('a/prompts.json')), 'INVALID_PAIRS', 'task a has no prompts'],
    ['a task with no prompts in its file', () => writeFile(at('a/prompts.json'), '[]'), 'INVALID_PROMPTS', 'task a: '],
    [
      'a task without checkpoints',
      () => rm(at('a/checkpoints'), { recursive: true }),
      'INVALID_PAIRS',
      'task a has no checkpoints',
    ],
    [
      'two prompts files',
      () => writeFile(at('a/prompts.txt'), 'one'),
      'INVALID_PAIRS',
      'has several files of prompts; expected one, got prompts.json, prompts.txt. Keep one of them',
    ],
    [
      'a prompts file of another kind',
      async () => rename(at('a/prompts.json'), at('a/prompts.parquet')),
      'INVALID_PROMPTS',
      '.parquet files are not read',
    ],
    [
      'a broken response',
      () => writeFile(at('a/prompts.json'), '[{"prompt": "one", "response": 7}]'),
      'INVALID_PROMPTS',
      'the response of item 1 of 1 is 7',
    ],
  ])('%s', async (what, change, code, message) => {
    if (what !== 'no tasks') await writePairs(temporary(), { tasks: { a: {}, b: {} } });
    await change();
    expect(await failure()).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test.each<[unknown, string, string]>([
    [{ formatVersion: 2 }, 'NEWER_FORMAT', 'has pairs format 2, and this version of dnd-lora reads up to format 1'],
    [{ formatVersion: 'x' }, 'INVALID_PAIRS', 'formatVersion: is not valid; expected a whole number from 1, got "x"'],
    [{ heldout: ['a'] }, 'INVALID_PAIRS', 'there is no field "heldout"; did you mean "heldOut"?'],
    [{ adapter: { aplha: 3 } }, 'INVALID_PAIRS', 'there is no field "adapter.aplha"; did you mean "adapter.alpha"?'],
    [
      { tasks: { a: { promts: 'x' } } },
      'INVALID_PAIRS',
      'there is no field "tasks.a.promts"; did you mean "tasks.a.prompts"?',
    ],
    [{ tasks: { a: { prompts: 3 } } }, 'INVALID_PAIRS', 'tasks.a.prompts: is not valid; expected a path, got 3'],
    [{ tasks: ['a', 'a'] }, 'INVALID_PAIRS', 'tasks: is not valid; expected each name once, not "a" twice'],
    [{ tasks: ['../a'] }, 'INVALID_PAIRS', 'tasks: is not valid; expected names, not "../a"'],
    [{ tasks: ['c'] }, 'INVALID_PAIRS', 'task'],
    [{ heldOut: ['aa'] }, 'INVALID_PAIRS', 'heldOut names "aa", and there is no such task; did you mean "a"?'],
    [{ heldOut: ['a', 'b'] }, 'INVALID_PAIRS', 'every task is held out'],
    [{ heldOut: 'a' }, 'INVALID_PAIRS', 'heldOut: is not valid; expected a list of names, got "a"'],
    [{ adapter: { alpha: 0 } }, 'INVALID_PAIRS', 'adapter.alpha: is not valid; expected a number above 0, got 0'],
    [
      { adapter: { rank: 1.5 } },
      'INVALID_PAIRS',
      'adapter.rank: is not valid; expected a whole number from 1, got 1.5',
    ],
    [{ adapter: { modules: ['x_proj'] } }, 'INVALID_PAIRS', 'there is no module "x_proj"'],
    [{ base: 'nowhere' }, 'FILE_NOT_FOUND', 'nowhere'],
    [{ base: { model_type: 'gpt2' } }, 'UNSUPPORTED_BASE', 'base in '],
    [
      { base: 7 },
      'INVALID_PAIRS',
      'base: is not valid; expected a path to a config.json or a GGUF file, or what is in a config.json, got 7',
    ],
    [[], 'INVALID_PAIRS', 'pairs.json: is not valid; expected a JSON object, got []'],
  ])('pairs.json %j', async (pairsJson, code, message) => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 1 }, b: { checkpoints: 1 } }, pairsJson });
    expect(await failure()).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('pairs.json with anything in it: pairs, or an error of ours', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 1 } } });
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('a', ['a'], { a: {} }, 1, null, configOf(TINY_BASE)),
    );
    const json = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          formatVersion: value,
          base: value,
          adapter: fc.dictionary(fc.constantFrom('rank', 'alpha', 'modules', 'useRslora'), value),
          tasks: value,
          heldOut: value,
        },
        { requiredKeys: [] },
      ),
    );
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(json, async (pairsJson) => {
        await writeFile(at('pairs.json'), JSON.stringify(pairsJson));
        const result = await open().catch((error) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(DndError);
        outcomes.add(result instanceof DndError ? result.code : 'pairs');
      }),
      { numRuns: 300 },
    );
    expect([...outcomes]).toContain('INVALID_PAIRS');
    expect([...outcomes]).toContain('pairs');
  });

  test('a folder that is not there, or is none', async () => {
    await expect(openPairs(at('nowhere'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await writeFile(at('file'), '');
    await expect(openPairs(at('file'))).rejects.toMatchObject({ code: 'READ_FAILED' });
    await writeFile(at('pairs.json'), '{');
    expect(await failure()).toMatchObject({ code: 'CORRUPT_FILE' });
  });

  test('an abort is no problem of a checkpoint', async () => {
    await writePairs(temporary(), { tasks: { a: {} } });
    const controller = new AbortController();
    const stopped = open({
      signal: controller.signal,
      skipCorrupt: true,
      onProgress: () => controller.abort('enough'),
    });
    await expect(stopped as Promise<Pairs>).rejects.toBe('enough');
  });
});
