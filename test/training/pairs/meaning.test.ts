import { join } from 'node:path';
import fc from 'fast-check';
import { type AdapterTensor, readPeft } from '../../../src/adapter/index.js';
import { meaninglessTask, openPairs } from '../../../src/training/pairs/index.js';
import { UniformMatrices } from '../../../src/training/pairs/uniform-matrices.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { checkpointPath, writeCheckpoint, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();

/** Fills some of a checkpoint's matrices with one value. */
async function fill(step: number, value: number, which: (name: string) => boolean): Promise<void> {
  const path = checkpointPath(temporary(), 'a', step);
  const { config, tensors } = await readPeft(join(path, '..'));
  const filled = new Map<string, AdapterTensor>(
    Array.from(tensors, ([name, { shape, data }]) => [name, { shape, data: which(name) ? data.fill(value) : data }]),
  );
  const { rank, alpha, targetModules: modules } = config;
  await writeCheckpoint(path, filled, { style: 'trainer', rank, alpha, modules });
}

async function opened(checkpoints = 2) {
  const { tasks, warnings } = await openPairs(temporary());
  expect(tasks[0]!.checkpoints).toHaveLength(checkpoints);
  return { why: meaninglessTask(tasks[0]!), warnings };
}

beforeEach(() => writePairs(temporary(), { tasks: { a: { checkpoints: 2 }, b: {} } }));

const isB = (name: string) => name.includes('lora_B');

test('trained checkpoints mean something', async () => {
  expect(await opened()).toEqual({ why: null, warnings: [] });
});

test.each([
  ['lora_B', isB],
  ['lora_A', (name: string) => !isB(name)],
])('checkpoints that do nothing, because every %s is zero, are warned of', async (_, which) => {
  for (const step of [1, 2]) await fill(step, 0, which);
  const { why, warnings } = await opened();
  expect(why).toBe('every checkpoint leaves the base as it is: lora_A or lora_B of each module is zero');
  expect(warnings).toEqual([
    expect.stringMatching(/^a\/checkpoints\/checkpoint-1, a\/checkpoints\/checkpoint-2: the adapter does nothing/),
    `task a teaches nothing: ${why}`,
  ]);
});

test('one that does nothing beside others, or does nothing in some modules, is a warning alone', async () => {
  await fill(1, 0, isB);
  await fill(2, 0, (name) => isB(name) && name.includes('q_proj'));
  const { why, warnings } = await opened();
  expect(why).toBeNull();
  expect(warnings).toEqual([
    expect.stringMatching(/^a\/checkpoints\/checkpoint-1: the adapter does nothing, because/),
    expect.stringMatching(/^a\/checkpoints\/checkpoint-2: the adapter does nothing in 2 of 14 modules/),
  ]);
});

test('matrices whose elements are all the same are warned of; of every module, they teach nothing', async () => {
  const isUp = (name: string) => name.includes('layers.0.mlp.up_proj');
  for (const step of [1, 2]) await fill(step, 0.5, isUp);
  const { why, warnings } = await opened();
  expect(why).toBeNull();
  expect(warnings).toEqual([
    expect.stringMatching(/checkpoint-1, .*checkpoint-2: in 2 of its matrices all elements are the same/),
  ]);
  for (const step of [1, 2]) await fill(step, 0.5, (name) => isB(name) && !isUp(name));
  expect((await opened()).why).toBe('in every checkpoint each module has a matrix whose elements are all the same');
});

test('modules that do nothing, beside others whose matrices are constant, teach nothing either', async () => {
  for (const step of [1, 2]) {
    await fill(step, 0, (name) => isB(name) && name.includes('q_proj'));
    await fill(step, step, (name) => !name.includes('q_proj'));
  }
  expect((await opened()).why).toBe('in every checkpoint each module has a matrix whose elements are all the same');
});

test('a task whose checkpoints are all the same has no spread', async () => {
  await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } } });
  const { config, tensors } = await readPeft(join(checkpointPath(temporary(), 'a', 1), '..'));
  const { rank, alpha, targetModules: modules } = config;
  await writeCheckpoint(checkpointPath(temporary(), 'a', 2), tensors, { style: 'trainer', rank, alpha, modules });
  const { why, warnings } = await opened();
  expect(why).toBe('its 2 checkpoints have the same weights');
  expect(warnings).toContain(`task a teaches nothing: ${why}`);
});

test('a task of one checkpoint has no spread to speak of, and is not called meaningless', async () => {
  await writePairs(temporary(), { tasks: { a: { checkpoints: 1 } } });
  const { tasks } = await openPairs(temporary());
  expect(meaninglessTask({ checkpoints: tasks[0]!.checkpoints.slice(0, 1) })).toBeNull();
});

test('uniform matrices are found whatever pieces they are read in', () => {
  const matrix = fc.record({
    values: fc.array(fc.constantFrom(0, 0, 1), { minLength: 1, maxLength: 6 }),
    cut: fc.nat({ max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(matrix, { minLength: 1, maxLength: 4 }), (matrices) => {
      const uniform = new UniformMatrices();
      for (const [index, { values, cut }] of matrices.entries())
        for (const piece of [values.slice(0, cut), values.slice(cut)])
          if (piece.length > 0) uniform.add(`m${index}.lora_B.weight`, Float32Array.from(piece));
      const isUniform = ({ values }: { values: number[] }) => values.every((value) => value === values[0]);
      // The element of a matrix of one is always the same as itself.
      const constant = matrices.filter((one) => isUniform(one) && one.values[0] === 1 && one.values.length > 1).length;
      expect(uniform.result()).toEqual({
        modules: matrices.length,
        idleModules: matrices.filter((one) => isUniform(one) && one.values[0] === 0).length,
        constantModules: constant,
        constantMatrices: constant,
      });
    }),
  );
});
