import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufAdapter, readGgufBase, writeGgufAdapter } from '../../../src/adapter/gguf/index.js';
import { readPeft, writePeft } from '../../../src/adapter/index.js';
import { convert } from '../../../src/conversion/index.js';
import { DndError } from '../../../src/errors.js';
import { useTemporaryFolder } from '../../temporary-folder.js';

const SHARED = process.env.DND_SHARED ?? join(__dirname, '../../../../shared');
const GOLDEN = join(SHARED, 'golden/gguf');
const PROBES = join(GOLDEN, 'probes');
const ADAPTERS = join(SHARED, 'data/adapters');
const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);

(existsSync(GOLDEN) ? describe : describe.skip)(`the adapters that llama.cpp applied, in ${GOLDEN}`, () => {
  test.each(['llama', 'qwen2', 'mistral'])(
    '%s: ours is the same file, and is read back as PEFT has it',
    async (name) => {
      const base = await readGgufBase(join(GOLDEN, `tiny_${name}_base.gguf`));
      const peft = await readPeft(join(GOLDEN, `tiny_${name}_peft`));
      await writeGgufAdapter(at('a.gguf'), peft, { base });
      expect(Buffer.compare(await readFile(at('a.gguf')), await readFile(join(GOLDEN, `tiny_${name}.gguf`)))).toBe(0);
      await writePeft(at('back'), await readGgufAdapter(at('a.gguf'), { base }), { dtype: 'F32' });
      const [before, after] = [
        await readFile(join(GOLDEN, `tiny_${name}_peft`, 'adapter_model.safetensors')),
        await readFile(join(at('back'), 'adapter_model.safetensors')),
      ];
      expect(Buffer.compare(before, after)).toBe(0);
    },
  );
});

/** What llama.cpp did with a probe, by the first line after its name. */
function outcomes(): Map<string, string> {
  const sections = readFileSync(join(PROBES, 'outcomes.txt'), 'utf8').split('## ').slice(1);
  return new Map(sections.map((section) => section.split('\n', 2).map((line) => line.trim()) as [string, string]));
}

/** Loaded by llama.cpp, silently as something else: no scale, no weights, not a number. */
const MISLEADING = new Set([
  'm-alpha-0.gguf',
  'm-alpha-missing.gguf',
  'm-alpha-nan.gguf',
  't-empty.gguf',
  't-nan.gguf',
]);
/** Adapters of another base, without an outcome: those whose offsets do not fit their alignment. */
const MISALIGNED = new Set(['l-align64-nokey.gguf', 'l-align8-nokey.gguf']);

(existsSync(PROBES) ? describe : describe.skip)(`the probes of llama.cpp in ${PROBES}`, () => {
  const probes = existsSync(PROBES) ? readdirSync(PROBES).filter((name) => name.endsWith('.gguf')) : [];

  test('are all there', () => expect(probes).toHaveLength(79));

  test.each(probes)('%s is read if llama.cpp applies it rightly, else refused with a reason', async (name) => {
    const base = await readGgufBase(
      join(GOLDEN, name.startsWith('l-') ? 'tiny_llama_base.gguf' : 'tiny_qwen2_base.gguf'),
    );
    const loaded = name.startsWith('l-') ? !MISALIGNED.has(name) : outcomes().get(name)!.startsWith('LOADED');
    const reading = readGgufAdapter(join(PROBES, name), { base });
    if (loaded && !MISLEADING.has(name)) {
      expect((await reading).tensors.size).toBeGreaterThan(0);
      return;
    }
    const error = await reading.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DndError);
    expect((error as DndError).message).toContain(name);
  });
});

(existsSync(PROBES) ? describe : describe.skip)(`the probes in ${PROBES}, without a base model`, () => {
  test.each(['t-wrong-in.gguf', 't-wrong-out.gguf'])('%s contradicts itself', async (name) => {
    await expect(readGgufAdapter(join(PROBES, name))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });

  test('t-unknown-layer.gguf is read, with a note that nothing was compared', async () => {
    const { notes } = await convert(join(PROBES, 't-unknown-layer.gguf'), at('back'));
    expect(notes).toContainEqual(expect.stringContaining('not compared with its base'));
  });
});

(existsSync(ADAPTERS) ? describe : describe.skip)(`the adapters of other people in ${ADAPTERS}`, () => {
  test.each(existsSync(ADAPTERS) ? readdirSync(ADAPTERS) : [])(
    '%s survives the way there and back, byte by byte',
    async (name) => {
      const { facts } = await convert(join(ADAPTERS, name), at('a.gguf'));
      expect(facts).toMatchObject({ architecture: 'gpt2', ranks: [8] });
      await convert(at('a.gguf'), at('back'));
      const [before, after] = [
        await readFile(join(ADAPTERS, name, 'adapter_model.safetensors')),
        await readFile(join(at('back'), 'adapter_model.safetensors')),
      ];
      expect(Buffer.compare(before, after)).toBe(0);
      const [config, own] = [await readPeft(join(ADAPTERS, name)), await readPeft(at('back'))].map((one) => one.config);
      expect({ ...own, targetModules: own!.targetModules.toSorted() }).toMatchObject({
        rank: config!.rank,
        alpha: config!.alpha,
        fanInFanOut: true,
        baseModelName: config!.baseModelName,
        targetModules: config!.targetModules.toSorted(),
      });
    },
  );
});
