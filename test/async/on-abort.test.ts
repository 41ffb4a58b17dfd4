import { getEventListeners } from 'node:events';
import { onAbort } from '../../src/async/index.js';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

test('calls every callback that was not released, once, and keeps one listener for all of them', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: number[] = [];
  const releases = Array.from({ length: 20 }, (_, index) => onAbort(signal, () => called.push(index)));
  expect(listeners(signal)).toBe(1);
  for (const release of releases.slice(2)) release();
  controller.abort();
  expect(called).toEqual([0, 1]);
});

test('one callback given twice is called twice, and released one at a time', () => {
  const controller = new AbortController();
  let calls = 0;
  const count = () => {
    calls++;
  };
  const release = onAbort(controller.signal, count);
  onAbort(controller.signal, count);
  onAbort(controller.signal, count);
  release();
  release();
  controller.abort();
  expect(calls).toBe(2);
});

test('the last release takes the listener off, and a later callback gets a new one', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const release = onAbort(signal, () => {});
  release();
  expect(listeners(signal)).toBe(0);
  let called = false;
  onAbort(signal, () => {
    called = true;
  });
  release();
  controller.abort();
  expect(called).toBe(true);
});

test('a callback that releases another keeps it from being called', () => {
  const controller = new AbortController();
  let called = false;
  onAbort(controller.signal, () => release());
  const release = onAbort(controller.signal, () => {
    called = true;
  });
  controller.abort();
  expect(called).toBe(false);
});
