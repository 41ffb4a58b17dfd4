import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer } from '../examples/fastify/server.js';
import { digest, GENERATOR, PROJECT, promptsOf } from './support.mjs';

const OUT = join(PROJECT, 'out', 'fastify');
const prompts = promptsOf('who-king-glad');
let server;
let address;

before(async () => {
  server = await createServer(GENERATOR, OUT);
  address = await server.listen({ port: 0 });
});
after(() => server.close());

async function post(body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${address}/adapters`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

test('one generator answers many requests at a time', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, seed) => post({ name: `task-${seed}`, prompts, seed })),
  );
  for (const [seed, { status, body }] of answers.entries()) {
    assert.equal(status, 200);
    assert.equal(body.report.seed, seed);
    assert.ok(existsSync(join(body.folder, 'adapter_config.json')));
  }
  assert.equal(new Set(answers.map(({ body }) => digest(body.folder))).size, 8);
});

test('what is refused says why', async () => {
  assert.equal((await post({ name: '../up', prompts })).status, 400);
  assert.equal((await post({ name: 'empty', prompts: [] })).status, 400);
  const blank = await post({ name: 'blank', prompts: [' '] });
  assert.equal(blank.status, 400);
  assert.equal(blank.body.code, 'INVALID_PROMPTS');
  const again = await post({ name: 'task-0', prompts });
  assert.equal(again.body.code, 'OUTPUT_EXISTS');
});

/** Resolves when the server has received this many more requests. */
function received(count) {
  return new Promise((resolve) => {
    const listener = () => {
      if (--count > 0) return;
      server.server.off('request', listener);
      resolve();
    };
    server.server.on('request', listener);
  });
}

test('the work of a client that has disconnected is stopped, and others are answered', async () => {
  const allOthers = received(20);
  const others = Promise.all(Array.from({ length: 20 }, (_, seed) => post({ name: `other-${seed}`, prompts, seed })));
  await allOthers;
  // This one waits behind them.
  const itself = received(1);
  const gone = request(`${address}/adapters`, { method: 'POST', headers: { 'content-type': 'application/json' } });
  const closed = new Promise((resolve) => gone.on('error', resolve));
  gone.end(JSON.stringify({ name: 'gone', prompts }));
  await itself;
  setImmediate(() => gone.destroy());
  await closed;
  for (const { status } of await others) assert.equal(status, 200);
  assert.equal((await post({ name: 'last', prompts })).status, 200);
  assert.ok(!existsSync(join(OUT, 'gone')));
});
