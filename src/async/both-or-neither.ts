interface Disposable {
  dispose(): void;
}

/**
 * Waits for two things that are being made. If one fails, the other is disposed of, and the promise rejects with the first
 * one's error, or else the second one's.
 */
export async function bothOrNeither<A extends Disposable, B extends Disposable>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [one, other] = await Promise.allSettled([first, second]);
  if (one.status === 'fulfilled' && other.status === 'fulfilled') return [one.value, other.value];
  for (const made of [one, other]) if (made.status === 'fulfilled') made.value.dispose();
  throw one.status === 'rejected' ? one.reason : (other as PromiseRejectedResult).reason;
}
