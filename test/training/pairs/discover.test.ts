import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examinePairs, openPairs } from '../../../src/training/pairs/index.js';
import { FIXTURES } from '../../adapter/bases.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { configOf, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

/** A task `a` of two checkpoints, whose folders are then moved to where a trainer writes them. */
async function write(move: (checkpoint: string, step: number) => Promise<unknown>, checkpoints = 2): Promise<void> {
  await writePairs(temporary(), { tasks: { a: { checkpoints } } });
  for (let step = 1; step <= checkpoints; step++) await move(at('a', 'checkpoints', `checkpoint-${step}`), step);
}

async function into(checkpoint: string, folder: string): Promise<void> {
  await rename(checkpoint, at('moved'));
  await mkdir(join(folder, '..'), { recursive: true });
  await rename(at('moved'), folder);
}

async function touch(path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, 'not for us');
}

const namesOf = async () => (await openPairs(temporary())).tasks[0]!.checkpoints.map(({ name }) => name);
const problemsOf = async () =>
  (await examinePairs(temporary())).problems.map(({ checkpoint, code, message }) => [checkpoint, code, message]);

test('prompts whose file is named in capitals', async () => {
  await write(async () => {});
  await rm(at('a', 'prompts.json'));
  await writeFile(at('a', 'Prompts.CSV'), 'prompt,response\none,x\n');
  expect((await openPairs(temporary())).tasks[0]!.items).toEqual([{ prompt: 'one', response: 'x' }]);
  // A folder with prompts alone is a task whose checkpoints are missing.
  await mkdir(at('b'));
  await writeFile(at('b', 'PROMPTS.TXT'), 'one');
  await touch(at('b', 'notes.md'));
  expect((await examinePairs(temporary())).problems).toEqual([expect.objectContaining({ task: 'b' })]);
});

test('PEFT: an adapter by name in each checkpoint', async () => {
  await write((checkpoint) => into(checkpoint, join(checkpoint, 'sft')));
  expect(await namesOf()).toEqual(['a/checkpoints/checkpoint-1/sft', 'a/checkpoints/checkpoint-2/sft']);
});

test('verl: lora_adapter below global_step_N, in the order of the steps, in the task’s own folder or in checkpoints', async () => {
  await write(async (checkpoint, step) => {
    await into(checkpoint, at('a', `global_step_${step * 90}`, 'actor', 'lora_adapter'));
    await touch(at('a', `global_step_${step * 90}`, 'actor', 'model_world_size_1_rank_0.pt'));
  });
  await rm(at('a', 'checkpoints'), { recursive: true });
  expect(await namesOf()).toEqual(['a/global_step_90/actor/lora_adapter', 'a/global_step_180/actor/lora_adapter']);
  await mkdir(at('a', 'checkpoints'));
  for (const step of [90, 180])
    await rename(at('a', `global_step_${step}`), at('a', 'checkpoints', `global_step_${step}`));
  expect(await namesOf()).toHaveLength(2);
});

test('TRL: several adapters in a checkpoint are listed, until pairs.json names one', async () => {
  await write(async (checkpoint) => {
    await into(checkpoint, join(checkpoint, 'train'));
    await cp(join(checkpoint, 'train'), join(checkpoint, 'reference'), { recursive: true });
  });
  expect(await problemsOf()).toEqual(
    [1, 2].map((step) => [
      `a/checkpoints/checkpoint-${step}`,
      'UNSUPPORTED_FORMAT',
      'it holds 2 adapters: reference, train. Name the one to take as "adapterName" in pairs.json, or move the others elsewhere',
    ]),
  );
  await writeFile(at('pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), adapterName: 'train' }));
  expect(await namesOf()).toEqual(['a/checkpoints/checkpoint-1/train', 'a/checkpoints/checkpoint-2/train']);
});

test('an adapter in the checkpoint itself is taken, whatever DeepSpeed or TRL write below it', async () => {
  await write(async (checkpoint, step) => {
    await cp(checkpoint, at('copy'), { recursive: true });
    await rename(at('copy'), join(checkpoint, 'reference'));
    await touch(join(checkpoint, `global_step${step}`, 'mp_rank_00_model_states.pt'));
  });
  expect(await namesOf()).toEqual(['a/checkpoints/checkpoint-1', 'a/checkpoints/checkpoint-2']);
});

test('LLaMA-Factory: pissa_init and pissa_backup are no checkpoints, and are named', async () => {
  await write(async (checkpoint, step) => {
    if (step > 1) return;
    for (const name of ['pissa_init', 'pissa_backup'])
      await cp(checkpoint, at('a', 'checkpoints', name), { recursive: true });
  });
  const { tasks, warnings } = await openPairs(temporary());
  expect(tasks[0]!.checkpoints).toHaveLength(2);
  expect(warnings).toEqual(
    ['pissa_backup', 'pissa_init'].map(
      (name) =>
        `a/checkpoints/${name} is not taken for a checkpoint: it is an adapter from before its conversion to LoRA`,
    ),
  );
});

test('a checkpoint relative to a changed base is refused by name, beside others that are not', async () => {
  await write(async (checkpoint, step) => {
    if (step !== 2) return;
    const path = join(checkpoint, 'adapter_config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, init_lora_weights: 'pissa_niter_4' }));
  });
  expect(await problemsOf()).toEqual([
    ['a/checkpoints/checkpoint-2', 'UNSUPPORTED_FORMAT', expect.stringContaining('the adapter uses PiSSA')],
  ]);
});

test('FSDP shards alone are named, with what to do', async () => {
  const pairs = join(FIXTURES, 'cases', '03-adapter-subfolder', 'pairs-fsdp');
  const { problems } = await examinePairs(pairs);
  expect(problems.map(({ checkpoint }) => checkpoint)).toEqual(['t/checkpoint-1', 't/checkpoint-2']);
  for (const { message } of problems)
    expect(message).toMatch(
      /\.distcp is part of an FSDP checkpoint in shards, without an adapter\. Train with a full state dict/,
    );
});

test.each([
  ['global_step5/zero_pp_rank_0_mp_rank_00_model_states.pt', 'part of a DeepSpeed checkpoint'],
  ['sft/adapter_model.bin', 'sft/adapter_model.bin is in PyTorch’s format'],
  ['model.safetensors', 'a whole model, without an adapter'],
  ['trainer_state.json', 'it has no adapter_model.safetensors; saving it may have been interrupted'],
])('a checkpoint that has %s and no adapter is refused with what it has', async (file, what) => {
  await write(async (checkpoint, step) => {
    if (step !== 2) return;
    await rm(checkpoint, { recursive: true });
    await touch(join(checkpoint, ...file.split('/')));
  });
  expect(await problemsOf()).toEqual([
    ['a/checkpoints/checkpoint-2', expect.any(String), expect.stringContaining(what)],
  ]);
});

test('another run inside is not taken for a checkpoint of this one, and is named', async () => {
  await write(async (checkpoint, step) => {
    if (step === 2) await into(checkpoint, at('a', 'checkpoints', 'old', 'checkpoint-2'));
  });
  const { tasks, warnings } = await openPairs(temporary());
  expect(tasks[0]!.checkpoints).toHaveLength(1);
  expect(warnings[0]).toBe('a/checkpoints/old is not taken for a checkpoint: it holds the checkpoint checkpoint-2');
});

test('without any checkpoint, what is there instead is in the message', async () => {
  await write((checkpoint, step) => into(checkpoint, at('a', 'checkpoints', 'old', `checkpoint-${step}`)));
  expect(await problemsOf()).toContainEqual([
    null,
    'INVALID_PAIRS',
    expect.stringMatching(
      /task a has no checkpoints; a\/checkpoints\/old holds 2 adapters: checkpoint-1, checkpoint-2\. Put/,
    ),
  ]);
});

test.each([
  ['adapter.gguf', 'adapter.gguf is in llama.cpp’s format'],
  ['__0_0.distcp', '__0_0.distcp is part of an FSDP checkpoint'],
])('files that are no checkpoints of ours are named: %s', async (file, what) => {
  await write((checkpoint) => rm(checkpoint, { recursive: true }), 1);
  await touch(at('a', 'checkpoints', file));
  expect(await problemsOf()).toContainEqual([null, 'UNSUPPORTED_FORMAT', expect.stringContaining(what)]);
});

test('an adapter from before its conversion is refused where pairs.json names it', async () => {
  await write((checkpoint, step) => into(checkpoint, at('elsewhere', step === 1 ? 'pissa_backup' : 'other')));
  const tasks = { a: { checkpoints: 'elsewhere/pissa_backup' } };
  await writeFile(at('pairs.json'), JSON.stringify({ base: configOf(TINY_BASE), tasks }));
  expect(await problemsOf()).toEqual([
    [expect.stringContaining('pissa_backup'), 'UNSUPPORTED_FORMAT', expect.stringContaining('before its conversion')],
  ]);
});

test('an MLX adapter in place of checkpoints is named', async () => {
  await write((checkpoint) => rm(checkpoint, { recursive: true }), 1);
  await touch(at('a', 'checkpoints', 'adapters.safetensors'));
  const config = { fine_tune_type: 'lora', num_layers: 2, lora_parameters: { rank: 4 } };
  await writeFile(at('a', 'checkpoints', 'adapter_config.json'), JSON.stringify(config));
  expect(await problemsOf()).toEqual([
    ['a/checkpoints/adapters.safetensors', 'UNSUPPORTED_FORMAT', expect.stringContaining('an MLX adapter (mlx_lm)')],
  ]);
});

test('matrices under the names of wrapping modules are the same matrices', async () => {
  await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } } });
  const before = (await openPairs(temporary())).tasks[0]!.checkpoints.map(({ tensorsSha256 }) => tensorsSha256);
  for (const [step, wrapper] of [
    [1, '_fsdp_wrapped_module'],
    [2, '_checkpoint_wrapped_module'],
  ] as const) {
    const path = at('a', 'checkpoints', `checkpoint-${step}`, 'adapter_model.safetensors');
    const bytes = await readFile(path);
    const end = 8 + Number(bytes.readBigUInt64LE());
    const header = bytes
      .subarray(8, end)
      .toString()
      .replaceAll(/layers\.(\d+)\./g, `layers.$1.${wrapper}.`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
    await writeFile(path, Buffer.concat([length, Buffer.from(header), bytes.subarray(end)]));
  }
  const { tasks } = await openPairs(temporary());
  expect(tasks[0]!.checkpoints.map(({ tensorsSha256 }) => tensorsSha256)).toEqual(before);
});

test('an unknown setting is one warning for all checkpoints that have it', async () => {
  await write(async (checkpoint) => {
    const path = join(checkpoint, 'adapter_config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, use_tomorrow: true }));
  });
  expect((await openPairs(temporary())).warnings).toEqual([
    'a/checkpoints/checkpoint-1, a/checkpoints/checkpoint-2: the setting "use_tomorrow" (true) is unknown and ignored; check that it does not change what the weights mean',
  ]);
});
