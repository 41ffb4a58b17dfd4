import { resultOf } from './child.js';

(process.platform === 'linux' ? test : test.skip)(
  'work for which the system gives no thread fails as what it is, and says what to do',
  async () => {
    const error = await resultOf<{ code: string; message: string }>('no-more-threads');
    expect(error).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('the system gave no thread'),
    });
  },
  60_000,
);
