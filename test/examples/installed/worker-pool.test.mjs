import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { GeneratorPool } from '../examples/worker-pool/pool.mjs';
import { digest, GENERATOR, PROJECT, promptsOf } from './support.mjs';

const out = (name) => join(PROJECT, 'out', 'pool', name);
const prompts = promptsOf('who-king-glad');

test('workers make adapters side by side, each with the bytes of its prompts', async () => {
  const pool = await GeneratorPool.start(GENERATOR, 2);
  try {
    const tasks = Array.from({ length: 8 }, (_, index) => ({ out: out(`task-${index}`), seed: index % 4 }));
    const reports = await Promise.all(tasks.map((task) => pool.generate(prompts, task)));
    assert.deepEqual(
      reports.map(({ seed }) => seed),
      [0, 1, 2, 3, 0, 1, 2, 3],
    );
    for (const index of [0, 1, 2, 3]) assert.equal(digest(out(`task-${index}`)), digest(out(`task-${index + 4}`)));
    assert.notEqual(digest(out('task-0')), digest(out('task-1')));
  } finally {
    await pool.close();
  }
});

test('a refusal is the error of its task, and the worker goes on', async () => {
  const pool = await GeneratorPool.start(GENERATOR, 1);
  try {
    const [refused, made] = await Promise.allSettled([
      pool.generate([], { out: out('refused') }),
      pool.generate(prompts, { out: out('made') }),
    ]);
    assert.equal(refused.reason.code, 'INVALID_PROMPTS');
    assert.equal(made.status, 'fulfilled');
  } finally {
    await pool.close();
  }
});

test('a generator that is not there is the error of the start', async () => {
  await assert.rejects(GeneratorPool.start(join(PROJECT, 'nowhere'), 1), { code: 'FILE_NOT_FOUND' });
});
