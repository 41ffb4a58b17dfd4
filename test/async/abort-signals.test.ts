import { unlessAborted, withSignals } from '../../src/async/index.js';

describe('withSignals', () => {
  test('aborts when any of the signals does, with its reason', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const work = withSignals(
      [one.signal, undefined, two.signal],
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    two.abort('two');
    one.abort('one');
    await expect(work).rejects.toBe('two');
  });

  test('does not start if one is already aborted', async () => {
    const work = jest.fn();
    await expect(withSignals([AbortSignal.abort('before')], work)).rejects.toBe('before');
    expect(work).not.toHaveBeenCalled();
  });

  test('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const added = jest.spyOn(signal, 'addEventListener');
    await withSignals([signal], async () => {});
    await withSignals([signal], () => Promise.reject(new Error('no'))).catch(() => {});
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});

describe('unlessAborted', () => {
  test('settles as the promise does', async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  test('rejects with the reason of an abort, before or while waiting', async () => {
    const never = new Promise(() => {});
    const controller = new AbortController();
    const waiting = unlessAborted(never, controller.signal);
    controller.abort('enough');
    await expect(waiting).rejects.toBe('enough');
    await expect(unlessAborted(never, controller.signal)).rejects.toBe('enough');
  });
});

test('a signal may be given to any number of calls without a warning of a leak', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const { signal } = new AbortController();
  const work = Array.from({ length: 20 }, () => withSignals([signal], (own) => unlessAborted(tick(), own)));
  await Promise.all(work);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

function tick(): Promise<void> {
  return new Promise(setImmediate);
}
