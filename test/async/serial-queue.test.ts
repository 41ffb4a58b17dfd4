import { SerialQueue } from '../../src/async/index.js';

function deferred() {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test('runs one piece of work at a time, in the order of asking', async () => {
  const queue = new SerialQueue();
  const first = deferred();
  const seen: string[] = [];
  const one = queue.run(async () => {
    seen.push('one starts');
    await first.promise;
    seen.push('one ends');
  });
  const two = queue.run(async () => void seen.push('two'));
  await new Promise(setImmediate);
  expect(seen).toEqual(['one starts']);
  first.resolve();
  await Promise.all([one, two]);
  expect(seen).toEqual(['one starts', 'one ends', 'two']);
});

test('continues after a failure', async () => {
  const queue = new SerialQueue();
  const failing = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  await expect(next).resolves.toBe('yes');
});

test('work that is aborted while it waits is rejected at once and skipped', async () => {
  const queue = new SerialQueue();
  const first = deferred();
  const controller = new AbortController();
  const one = queue.run(() => first.promise);
  const skipped = queue.run(async () => {
    throw new Error('ran');
  }, controller.signal);
  const three = queue.run(async () => 3);
  controller.abort(new Error('enough'));
  await expect(skipped).rejects.toThrow('enough');
  first.resolve();
  await one;
  await expect(three).resolves.toBe(3);
});

test('closing aborts the work under way, rejects what waits, and lets nothing in', async () => {
  const queue = new SerialQueue();
  const stopped = deferred();
  const running = queue.run(async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await stopped.promise;
    return signal.reason;
  });
  const waiting = queue.run(async () => 'ran');
  await new Promise(setImmediate);
  queue.close('closed');
  expect(queue.closed).toBe(true);
  await expect(waiting).rejects.toBe('closed');
  await expect(queue.run(async () => 'ran')).rejects.toBe('closed');
  let idle = false;
  const ended = queue.idle().then(() => {
    idle = true;
  });
  await new Promise(setImmediate);
  expect(idle).toBe(false);
  stopped.resolve();
  await expect(running).resolves.toBe('closed');
  await ended;
});
