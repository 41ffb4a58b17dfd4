import { resultOf, runProgram } from './child.js';

jest.setTimeout(300_000); // the machine may be slow and shared

test.each([
  ['alone', {}],
  ['beside an engine of the main thread', { DND_TEST_MAIN_ENGINE: '1' }],
])('ten workers terminated amid their calls, %s: no crash, no wait for the work', async (_what, environment) => {
  const found = await resultOf<{ terminated: number; slowestMs: number; forwardMs: number; mainResult: boolean }>(
    'terminated-workers',
    { environment },
  );
  expect(found.terminated).toBe(10);
  // Each worker had 20 forward passes under way.
  expect(found.slowestMs).toBeLessThan(10 * found.forwardMs);
  expect(found.mainResult).toBe(true);
});

test('workers terminated at any moment of short calls: no crash', async () => {
  expect(await resultOf('hammered-workers')).toEqual({ terminated: 40 });
});

test('process.exit amid a call ends the process with its code', async () => {
  expect(await runProgram('exit-mid-call')).toEqual({ code: 7, stdout: '', stderr: '' });
});

test('a process with nothing else to do waits for its jobs', async () => {
  expect(await runProgram('unawaited-job')).toEqual({ code: 0, stdout: 'done 65536\n', stderr: '' });
});
