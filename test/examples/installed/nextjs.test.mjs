import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GENERATOR, PROJECT, promptsOf } from './support.mjs';

process.env.ADAPTERS = join(PROJECT, 'out', 'nextjs');
const { POST, runtime } = await import('../examples/nextjs/app/api/adapters/route.js');
const prompts = promptsOf('who-king-glad');

const post = (body, signal) =>
  POST(new Request('http://localhost/api/adapters', { method: 'POST', body: JSON.stringify(body), signal }));

test('a generator that is not there is an error, and the next request tries again', async () => {
  process.env.GENERATOR = join(PROJECT, 'nowhere');
  const missing = await post({ name: 'geology', prompts });
  assert.equal(missing.status, 500);
  assert.equal((await missing.json()).code, 'FILE_NOT_FOUND');
  process.env.GENERATOR = GENERATOR;
  const made = await post({ name: 'geology', prompts });
  assert.equal(made.status, 200);
  const { folder, report } = await made.json();
  assert.equal(report.prompts.used, 16);
  assert.ok(existsSync(join(folder, 'adapter_model.safetensors')));
});

test('the route needs Node, and refuses what it must', async () => {
  assert.equal(runtime, 'nodejs');
  assert.equal((await post({ name: '../up', prompts })).status, 400);
  const empty = await post({ name: 'empty', prompts: [] });
  assert.equal(empty.status, 400);
  assert.equal((await empty.json()).code, 'INVALID_PROMPTS');
});

test('a request that is aborted makes nothing', async () => {
  const controller = new AbortController();
  const answer = post({ name: 'aborted', prompts }, controller.signal);
  controller.abort(new Error('gone'));
  await assert.rejects(answer);
  assert.ok(!existsSync(join(process.env.ADAPTERS, 'aborted')));
});
