import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { digest, GENERATOR, PROJECT, run, TASKS } from './support.mjs';

test('CommonJS: an adapter, and a DndError for a generator that is not there', async () => {
  const out = join(PROJECT, 'out', 'commonjs');
  const { stdout } = await run('commonjs.cjs', [GENERATOR, out]);
  assert.match(stdout, /commonjs: 56 tensors, norm \d+\.\d\d\n$/);
  assert.deepEqual(readdirSync(out).sort(), ['adapter_config.json', 'adapter_model.safetensors']);
  await assert.rejects(run('commonjs.cjs', [join(PROJECT, 'nowhere'), out]), /nowhere/);
});

test('ES modules: an adapter for the prompts of a file', async () => {
  const { stdout, stderr } = await run('esm.mjs', []);
  assert.match(stdout, /example-output\/esm: 16 of 64 prompts, decoded in \d+ ms\n/);
  assert.match(stderr, /100 %/);
});

test('the batch job makes an adapter for each task, and goes on where it was stopped', async () => {
  const out = join(PROJECT, 'out', 'batch');
  const names = readdirSync(TASKS).sort();
  const first = await run('batch.mjs', [GENERATOR, TASKS, out]);
  assert.match(first.stdout, new RegExp(`${names.length} adapters written`));
  assert.deepEqual(readdirSync(out).sort(), names);
  const before = names.map((name) => digest(join(out, name)));
  assert.equal(new Set(before).size, names.length, 'each task has an adapter of its own');
  for (const name of names.slice(5, 8)) rmSync(join(out, name), { recursive: true });
  const second = await run('batch.mjs', [GENERATOR, TASKS, out]);
  assert.match(second.stdout, new RegExp(`${names.length - 3} of them done before\n3 adapters written`));
  assert.deepEqual(readdirSync(out).sort(), names);
});
