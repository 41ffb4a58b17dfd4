import { setTimeout } from 'node:timers/promises';
import { DndError } from '../errors.js';

/** The Hub, or a mirror of it that HF_ENDPOINT names; who asks; and how patiently. */
export interface Transport {
  /** Without a slash at the end. */
  endpoint: string;
  token: string | undefined;
  signal: AbortSignal | undefined;
  /** Milliseconds before the second try of a request; each further pause is twice as long. */
  pauseMs: number;
}

export const TRIES = 5;
const LONGEST_PAUSE_MS = 60_000;

/** A connection that failed or broke off, or a server that is busy: worth another try, unlike a refusal. */
export class TransientError extends Error {
  constructor(
    message: string,
    readonly retryAfterMs: number | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * A request to the Hub. The token goes to its own origin only: pages of a listing, and files, may be elsewhere.
 * @param repository in messages
 * @throws DndError DOWNLOAD_FAILED for a refusal, with what to do; TransientError; `signal.reason`
 */
export async function request(
  { endpoint, token, signal }: Transport,
  address: string | URL,
  init: RequestInit,
  repository: string,
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.delete('authorization');
  if (token !== undefined && new URL(address).origin === new URL(endpoint).origin)
    headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(address, { ...init, headers, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw new TransientError(causeOf(error), undefined, { cause: error });
  }
  if (response.ok) return response;
  await response.body?.cancel().catch(() => {});
  const { status } = response;
  if (status === 429 || status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new TransientError(`status ${status}`, Number.isFinite(seconds) ? 1000 * seconds : undefined);
  }
  throw refusal(status, repository, token !== undefined);
}

function refusal(status: number, repository: string, hasToken: boolean): DndError {
  const unknown =
    'check its name; a private repository needs a token with access to it, in HF_TOKEN or saved by huggingface-cli login';
  const reasons: Record<number, string> = {
    401: hasToken
      ? 'the token (HF_TOKEN, or the one that huggingface-cli login saved) is not accepted'
      : `it does not exist or is private; ${unknown}`,
    403: 'access is refused; accept its conditions on its page, and give a token with access to it in HF_TOKEN or by huggingface-cli login',
    404: `there is no such repository, revision or file; ${unknown}`,
  };
  return new DndError('DOWNLOAD_FAILED', `${repository}: ${reasons[status] ?? `the server answers ${status}`}`);
}

/**
 * Repeats `work` while it fails for reasons that may pass.
 * @throws DndError DOWNLOAD_FAILED after the last try; whatever else `work` throws
 */
export async function withRetries<T>(
  { signal, pauseMs, endpoint }: Transport,
  repository: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (tries === TRIES)
        throw new DndError(
          'DOWNLOAD_FAILED',
          `${repository}: no answer from ${endpoint} after ${TRIES} tries: ${error.message}. What has arrived is kept; try again later, or use the cache alone with HF_HUB_OFFLINE=1`,
          { cause: error },
        );
      const pause = Math.min(LONGEST_PAUSE_MS, error.retryAfterMs ?? pauseMs * 2 ** (tries - 1));
      await setTimeout(pause, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
    }
  }
}

/** undici hides the reason of "fetch failed" in its causes. */
export function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? cause.message : message;
}
