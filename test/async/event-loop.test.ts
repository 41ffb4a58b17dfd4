import { eventLoopYielder } from '../../src/async/index.js';

function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('a yielder lets timers and I/O run once the slice is over, and only then', async () => {
  const yieldToEventLoop = eventLoopYielder(2);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await yieldToEventLoop();
  expect(turned).toBe(false);
  spin(3);
  await yieldToEventLoop();
  expect(turned).toBe(true);
});

test('a loop that yields does not block the event loop', async () => {
  const yieldToEventLoop = eventLoopYielder(2);
  let turns = 0;
  let handle = setImmediate(function turn() {
    turns++;
    handle = setImmediate(turn);
  });
  for (let i = 0; i < 20; i++) {
    spin(2);
    await yieldToEventLoop();
  }
  clearImmediate(handle);
  expect(turns).toBeGreaterThanOrEqual(10);
});
