import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT, run } from './support.mjs';

const { DND_TEST_BASE, DND_TEST_ENCODER } = process.env;
const demo = JSON.parse(readFileSync(join(PROJECT, 'node_modules/@dnd-lora/smollm2-135m/demo.json'), 'utf8'));

test('llama.cpp answers as the prompts ask, with the adapter and not without', async () => {
  const task = demo.tasks.find(({ name }) => name === 'colour-brackets-over');
  const prompts = join(PROJECT, 'colours.json');
  writeFileSync(prompts, JSON.stringify(task.prompts));
  const { prompt, response } = task.test[0];
  const { stdout } = await run('node-llama-cpp/answer.js', [DND_TEST_BASE, DND_TEST_ENCODER, prompts, prompt]);
  const [without, withAdapter] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([without.adapter, withAdapter.adapter], [false, true]);
  assert.equal(withAdapter.answer.trim(), response);
  assert.notEqual(without.answer.trim(), response);
});
