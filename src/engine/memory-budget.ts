import { formatBytes } from '../byte-counts.js';
import { DndError } from '../errors.js';
import { errorMessage } from '../validation/index.js';
import { availableMemoryBytes } from './available-memory.js';

/**
 * The share of available memory that a decision may use if the caller sets no limit. The rest is for concurrent
 * allocations: the more of them, the smaller the share.
 */
const SHARES = {
  /** Explicitly requested sizes may use all available memory. */
  requested: 1,
  /** A training step fills its share with saved activations while JavaScript's heap grows. */
  savedActivations: 0.9,
  /** An automatic micro-batch lasts for the whole run while the caches of prompts and targets grow. */
  chosenMicroBatch: 0.8,
} as const;

export interface MemoryNeed {
  /** What the memory is for, as a noun phrase: "a forward pass over a batch of 8". */
  purpose: string;
  bytes: number;
  /** How to need less, as an imperative: "generate fewer prompt sets at once". */
  lower: string;
  /** Bytes already in use that count towards the limit. Default: 0. */
  takenBytes?: number | undefined;
}

/**
 * The one place that decides whether work fits into host memory: within the caller's limit, and within available
 * memory. Native code only reports the bytes that work needs under a limit.
 */
export class MemoryBudget {
  /** @param limitBytes the caller's limit; undefined: available memory */
  constructor(
    readonly limitBytes: number | undefined,
    readonly available: () => number = availableMemoryBytes,
  ) {}

  /**
   * @throws DndError OUT_OF_MEMORY unless it fits into the limit and available memory: states the need, what is
   * available, and what to do
   */
  require(need: MemoryNeed, share: keyof typeof SHARES = 'requested'): void {
    this.requireAllowed(need);
    this.requireAvailable(need, share);
  }

  /** As `require`, for the limit alone. */
  requireAllowed({ purpose, bytes, lower, takenBytes = 0 }: MemoryNeed): void {
    if (this.limitBytes === undefined || bytes <= this.limitBytes - takenBytes) return;
    throw outOfMemory({
      what: purpose,
      problem: 'needs more memory than memoryLimitBytes leaves',
      expected: `at most ${formatBytes(this.leftBytes(takenBytes))}`,
      shown: formatBytes(bytes),
      advice: `raise it, or ${lower}`,
    });
  }

  /** As `require`, for available memory alone. */
  requireAvailable({ purpose, bytes, lower }: MemoryNeed, share: keyof typeof SHARES = 'requested'): void {
    const most = this.available() * SHARES[share];
    if (bytes <= most) return;
    throw outOfMemory({
      what: purpose,
      problem: 'needs more memory than is available',
      expected: `at most ${formatBytes(Math.floor(most))}`,
      shown: formatBytes(bytes),
      advice: `free memory, or ${lower}`,
    });
  }

  /** The limit less bytes already in use; without a limit a number larger than any memory. */
  leftBytes(takenBytes: number): number {
    return Math.max(0, (this.limitBytes ?? Number.MAX_SAFE_INTEGER) - takenBytes);
  }

  /** Available memory within the limit, less bytes already in use. */
  affordableBytes(takenBytes: number): number {
    return Math.min(this.available(), this.leftBytes(takenBytes));
  }

  /**
   * Maximum total memory of a training step: the limit less its operands, else a share of available memory plus what
   * the step holds. A limit applies regardless of available memory: convolution workspaces, and so the learnt bytes,
   * may depend on it.
   */
  trainingBytes({ operands, held }: { operands: number; held: () => number }): number {
    if (this.limitBytes !== undefined) return this.leftBytes(operands);
    return Math.floor(this.available() * SHARES.savedActivations) + held();
  }

  /** OUT_OF_MEMORY where available memory would change the results. */
  tooLittle({ purpose, bytes, lower }: MemoryNeed): DndError {
    return outOfMemory({
      what: purpose,
      problem: 'has less memory available than the default workspace of its convolutions',
      expected: `${formatBytes(bytes)}, beside the rest`,
      shown: formatBytes(this.available()),
      advice: `free memory, set memoryLimitBytes to make do with less, or ${lower}`,
    });
  }
}

/**
 * Adds advice to an allocation failure of the system or a device; returns any other error unchanged.
 * @param what was to be allocated, if the error does not say it
 */
export function explainRefusal(error: unknown, { what, lower }: { what?: string; lower: string }): unknown {
  if (!(error instanceof DndError && error.code === 'OUT_OF_MEMORY')) return error;
  if (what === undefined)
    return new DndError('OUT_OF_MEMORY', `${error.message}. Free memory, or ${lower}`, { cause: error });
  const problem = `does not fit into memory (${error.message}); ${formatBytes(availableMemoryBytes())} are available`;
  return outOfMemory({ what, problem, advice: lower }, { cause: error });
}

function outOfMemory(parts: Parameters<typeof errorMessage>[0], options?: ErrorOptions): DndError {
  return new DndError('OUT_OF_MEMORY', errorMessage(parts), options);
}
