import { bothOrNeither } from '../../src/async/index.js';

class Thing {
  disposed = 0;
  dispose(): void {
    this.disposed++;
  }
}

test('gives both, and disposes of neither', async () => {
  const [one, other] = [new Thing(), new Thing()];
  expect(await bothOrNeither(Promise.resolve(one), Promise.resolve(other))).toEqual([one, other]);
  expect([one.disposed, other.disposed]).toEqual([0, 0]);
});

test.each([0, 1])('where number %i fails, the other is disposed of, even if it is made later', async (failing) => {
  const [other, error] = [new Thing(), new Error('no')];
  const later = new Promise<Thing>((resolve) => setTimeout(() => resolve(other), 5));
  const both = [Promise.reject(error), later] as const;
  const [first, second] = failing === 0 ? both : [both[1], both[0]];
  await expect(bothOrNeither(first, second)).rejects.toBe(error);
  expect(other.disposed).toBe(1);
});

test('where both fail, the first one is told', async () => {
  const errors = [new Error('first'), new Error('second')];
  await expect(bothOrNeither(Promise.reject(errors[0]), Promise.reject(errors[1]))).rejects.toBe(errors[0]);
});
