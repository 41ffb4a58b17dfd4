import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PairsStatistics } from '../../src/training/pairs/index.js';
import { TINY_BASE, TINY_TOKENS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { checkpointPath, configOf, writePairs } from '../training/workshop.js';
import { dnd, dndJson } from './run-cli.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);
const TOKENISER = join(__dirname, '../fixtures/encoder/minilm-tokenizer');

async function truncate(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length - 10));
}

describe('dnd pairs check', () => {
  test('says when checkpoints teach nothing', async () => {
    await writePairs(at('pairs'), { tasks: { animals: { checkpoints: 2 }, plants: {} } });
    await cp(checkpointPath(at('pairs'), 'animals', 1), checkpointPath(at('pairs'), 'animals', 2));
    const { code, stdout } = await dnd(['pairs', 'check', at('pairs')]);
    expect(code).toBe(0);
    expect(stdout).toContain('warning  task animals teaches nothing: its 2 checkpoints have the same weights');
    expect(stdout).toContain('Ready for training, but the checkpoints of 1 of 2 tasks teach nothing.');
  });

  test('summarises a valid folder', async () => {
    await writePairs(at('pairs'), { heldOut: ['plants'] });
    const { code, stdout, stderr } = await dnd(['pairs', 'check', at('pairs')]);
    expect(code).toBe(0);
    for (const sentence of [
      'tiny/qwen2',
      '3, 1 of them held out',
      '36 prompts, 36 of them with a response',
      'rank 2, alpha 4: q_proj',
      'Ready for training.',
    ])
      expect(stdout).toContain(sentence);
    expect(stderr).toBe('reading the pairs …\n');
    const { result } = await dndJson<object>(['pairs', 'check', at('pairs')]);
    expect(result).toMatchObject({
      ok: true,
      problems: [],
      base: TINY_BASE,
      adapter: { rank: 2, alpha: 4 },
      tasks: [{ name: 'animals', prompts: 12, checkpoints: 4 }, { name: 'numbers' }, { name: 'plants', heldOut: true }],
    });
  });

  test('reads the fields that the options name', async () => {
    await writePairs(at('pairs'), {
      tasks: {
        a: {
          items: [
            { frage: 'one', antwort: 'first' },
            { frage: 'two', antwort: '' },
          ],
        },
      },
    });
    expect((await dnd(['pairs', 'check', at('pairs')])).stdout).toContain(
      'Name the field with the prompt: --prompt-field <name>',
    );
    const options = ['--prompt-field', 'frage', '--response-field', 'antwort'];
    const { code, stdout } = await dnd(['pairs', 'check', at('pairs'), ...options]);
    expect(code).toBe(0);
    expect(stdout).toContain('2 prompts, 1 of them with a response');
    expect((await dnd(['pairs', 'stats', at('pairs'), ...options])).code).toBe(0);
  });

  test('reports all problems at once, and fails', async () => {
    await writePairs(at('pairs'), { tasks: { a: { checkpoints: 5 }, b: {}, c: {} } });
    await writePairs(at('other'), { tasks: { b: {} }, rank: 4 });
    await cp(at('other/b/checkpoints/checkpoint-2'), at('pairs/b/checkpoints/checkpoint-2'), { recursive: true });
    await truncate(checkpointPath(at('pairs'), 'a', 3));
    await rm(at('pairs/c/prompts.json'));
    await mkdir(at('pairs/empty'));
    const { code, stdout } = await dnd(['pairs', 'check', at('pairs')]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/a\/checkpoints\/checkpoint-3.*may be truncated/);
    expect(stdout).toContain('task c has no prompts');
    expect(stdout).toContain('task empty has no prompts');
    expect(stdout).toMatch(/^b\/checkpoints\/checkpoint-2 +\S+q_proj\.lora_A\.weight +\[4, 64\] +\[2, 64\]$/m);
    expect(stdout).toMatch(/5 problems; it cannot be used for training\.\n$/);
    const { code: jsonCode, result } = await dndJson<{
      ok: boolean;
      problems: object[];
      mismatches: object[];
      mismatchCount: number;
    }>(['pairs', 'check', at('pairs')]);
    expect([jsonCode, result.ok, result.problems.length, result.mismatches.length, result.mismatchCount]).toEqual([
      1,
      false,
      5,
      28,
      28,
    ]);
    expect(result.problems).toContainEqual(
      expect.objectContaining({ task: 'a', checkpoint: 'a/checkpoints/checkpoint-3', code: 'CORRUPT_FILE' }),
    );
  });

  test('skips damaged checkpoints on request, and names them', async () => {
    await writePairs(at('pairs'), { tasks: { a: { checkpoints: 5 } } });
    await truncate(checkpointPath(at('pairs'), 'a', 3));
    const { code, stdout } = await dnd(['pairs', 'check', at('pairs'), '--skip-corrupt']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/skipped .*a\/checkpoints\/checkpoint-3/);
    expect(stdout).toContain('Ready for training.');
  });

  test('warns if the base model is unknown; --base sets it', async () => {
    await writePairs(at('pairs'), { tasks: { a: {} }, pairsJson: null });
    const untold = (await dnd(['pairs', 'check', at('pairs')])).stdout;
    expect(untold).toMatch(/warning .*--base/);
    expect(untold).toContain('dnd train requires --base');
    await writeFile(at('config.json'), JSON.stringify(configOf(TINY_BASE)));
    const { stdout } = await dnd(['pairs', 'check', at('pairs'), '--base', at('config.json')]);
    expect(stdout).not.toContain('warning');
  });

  test('a folder that is not there, and a pairs.json with a slip of the pen', async () => {
    expect(await dndJson(['pairs', 'check', at('nowhere')])).toMatchObject({
      code: 1,
      result: { error: { code: 'FILE_NOT_FOUND' } },
    });
    await writePairs(at('pairs'), { pairsJson: { heldOuts: [] } });
    const { code, stderr } = await dnd(['pairs', 'check', at('pairs')]);
    expect(code).toBe(1);
    expect(stderr).toContain('there is no field "heldOuts"; did you mean "heldOut"?');
    expect((await dnd(['pairs', 'look', at('pairs')])).code).toBe(2);
  });

  test('is interrupted by Ctrl-C', async () => {
    await writePairs(at('pairs'));
    const { code } = await dnd(['pairs', 'check', at('pairs')], { signal: AbortSignal.abort(new Error('stop')) });
    expect(code).toBe(130);
  });
});

describe('pairs whose tasks have no checkpoints, but a start,', () => {
  beforeEach(async () => {
    await writePairs(at('from'), { tasks: { a: {} } });
    await cp(at('from/a/checkpoints/checkpoint-1'), at('start'), { recursive: true });
    const pairsJson = { base: configOf(TINY_BASE), start: '../start' };
    await writePairs(at('pairs'), { tasks: { a: { checkpoints: 0 }, b: { checkpoints: 0 } }, pairsJson });
  });

  test('are checked: they are ready for the behaviour loss alone', async () => {
    const { code, stdout } = await dnd(['pairs', 'check', at('pairs')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^checkpoints +0, 0 bytes$/m);
    expect(stdout).toMatch(/^start +.*start.*, [\d.]+ kB$/m);
    expect(stdout).toContain("Ready for training with the loss 'behaviour'.");
  });

  test.each([[], ['--normalisation', 'residual', '--targets', 'aligned']])(
    'have statistics of their prompts, and none of checkpoints (%s)',
    async (...options) => {
      const { code, result } = await dndJson<PairsStatistics>(['pairs', 'stats', at('pairs'), ...options]);
      expect(code).toBe(0);
      expect(result.tasks).toMatchObject([
        { name: 'a', prompts: 12, responses: 12, checkpoints: 0, norm: null, standardDeviation: null },
        { name: 'b', checkpoints: 0 },
      ]);
      expect(result.tasks[0]!.length.min).toBeGreaterThan(0);
      expect(result.importance).toBeNull();
      expect(result.shapes).toHaveLength(7);
      const { stdout } = await dnd(['pairs', 'stats', at('pairs'), ...options]);
      expect(stdout).toMatch(/^a +no +12 +0 +12 /m);
      expect(stdout).toContain('\n\nNo task has checkpoints: each goes on from the start adapter of pairs.json.\n\n');
      expect(stdout).not.toContain('importance');
    },
  );

  test('have those of the tasks that do have checkpoints', async () => {
    await cp(at('from/a/checkpoints'), at('pairs/b/checkpoints'), { recursive: true });
    const { result } = await dndJson<PairsStatistics>(['pairs', 'stats', at('pairs')]);
    expect(result.tasks.map(({ checkpoints }) => checkpoints)).toEqual([0, 4]);
    expect(result.tasks[1]!.norm!.min).toBeGreaterThan(0);
    expect(result.importance!.modules).toHaveLength(7);
    const { stdout } = await dnd(['pairs', 'stats', at('pairs')]);
    expect(stdout).toMatch(/^a +0 +0 +0 bytes( +-){6}$/m);
    expect(stdout).toMatch(/^b +4 +0 /m);
  });
});

describe('dnd pairs stats', () => {
  test('counts prompts, checkpoints, shapes, weights and importance', async () => {
    const items = ['one', 'three', 'three', { prompt: 'eleven', response: 'x' }];
    await writePairs(at('pairs'), { tasks: { a: { items }, b: {}, c: { checkpoints: 2 } }, heldOut: ['c'] });
    const { code, result } = await dndJson<PairsStatistics>(['pairs', 'stats', at('pairs')]);
    expect(code).toBe(0);
    expect(result).toMatchObject({
      weightTokens: { count: TINY_TOKENS[0], height: TINY_TOKENS[1], width: TINY_TOKENS[2] },
      layers: 2,
      lengthUnit: 'characters',
      window: null,
      duplicates: [],
      skipped: [],
    });
    expect(result.tasks[0]).toMatchObject({
      prompts: 4,
      responses: 1,
      repeatedPrompts: 1,
      length: { min: 3, median: 5, max: 6 },
      cutPrompts: null,
      checkpoints: 4,
    });
    expect(result.shapes).toContainEqual({ module: 'down_proj', a: [2, 96], b: [64, 2] });
    const { norm, standardDeviation } = result.tasks[1]!;
    expect(norm!.min).toBeLessThan(norm!.max);
    // Tasks start at a distance of 0.02 from zero and drift by 0.004 per checkpoint.
    expect(standardDeviation!.median).toBeCloseTo(Math.sqrt(0.02 ** 2 + 2.5 * 0.004 ** 2), 3);
    const { min, max, modules } = result.importance!;
    expect(max).toBeGreaterThan(min);
    expect(modules).toHaveLength(7);
    expect(modules[0]!.importance).toBeGreaterThan(modules[6]!.importance);

    const { stdout } = await dnd(['pairs', 'stats', at('pairs')]);
    expect(stdout).toMatch(/^task +held out +prompts +repeated +responses +shortest +median +longest$/m);
    expect(stdout).toMatch(/^a +no +4 +1 +1 +3 +5 +6$/m);
    expect(stdout).toMatch(/^c +2 +0 /m);
    expect(stdout).toMatch(/^down_proj +\[2, 96\] +\[64, 2\]$/m);
    expect(stdout).toMatch(/^token importance +min .*, median .*, max /m);
    expect(stdout).toMatch(/^foremost layers +\d [\d.]+, \d [\d.]+$/m);
  });

  test('counts tokens of an encoder, whose weights it does not need, and what its window or a length cuts', async () => {
    const items = ['one', 'one two three', `${'word '.repeat(600)}`];
    await writePairs(at('pairs'), { tasks: { a: { items } } });
    const stats = (...more: (string | number)[]) =>
      dndJson<PairsStatistics>(['pairs', 'stats', at('pairs'), '--encoder', ...more]);
    const bert = (await stats(TOKENISER)).result;
    expect(bert).toMatchObject({ lengthUnit: 'tokens', window: 512, maxLength: 512 });
    expect(bert.tasks[0]).toMatchObject({ length: { min: 3, median: 5, max: 602 }, cutPrompts: 1 });
    const hash = (await stats('hash')).result;
    expect(hash).toMatchObject({ window: null, maxLength: null });
    expect(hash.tasks[0]).toMatchObject({ length: { min: 1, median: 3, max: 600 }, cutPrompts: null });
    expect((await stats('hash', '--max-length', 2)).result.tasks[0]!.cutPrompts).toBe(2);
    const { stdout } = await dnd(['pairs', 'stats', at('pairs'), '--encoder', TOKENISER, '--max-length', 4]);
    expect(stdout).toMatch(/longest +over 4$/m);
    expect(stdout).toContain("(lengths in tokens; the encoder's window is 512)");
    expect(await dnd(['pairs', 'stats', at('pairs'), '--max-length', 4])).toMatchObject({ code: 2 });
  });

  test('reports duplicates, and weights that are not finite', async () => {
    await writePairs(at('pairs'), { tasks: { a: { checkpoints: 5 } } });
    const path = (step: number) => checkpointPath(at('pairs'), 'a', step);
    await cp(path(1), path(2));
    const bytes = await readFile(path(4));
    bytes.writeFloatLE(Number.NaN, bytes.length - 8);
    await writeFile(path(4), bytes);
    const refused = await dnd(['pairs', 'stats', at('pairs')]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('holds NaN at');
    const { code, stdout } = await dnd(['pairs', 'stats', at('pairs'), '--skip-corrupt']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^duplicates +1 group$/m);
    expect(stdout).toMatch(/^NaN or infinite +1 checkpoint$/m);
    expect(stdout).toMatch(/^a +4 +1 /m);
    expect(stdout).toMatch(/^warning .*checkpoint-1, .*checkpoint-2 are byte-identical$/m);
  });
});
