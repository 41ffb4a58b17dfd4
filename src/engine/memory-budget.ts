import { DndError } from '../errors.js';
import { errorMessage } from '../validation/index.js';
import { availableMemoryBytes } from './available-memory.js';
import { formatBytes } from './byte-counts.js';

/**
 * How much of the available memory a decision may count on where the caller sets no limit. What is left is for those who
 * allocate meanwhile: the more of them there are, the smaller the share.
 */
const SHARES = {
  /** What was asked for by name may take all there is. */
  requested: 1,
  /** A training step fills what it may with saved activations, and JavaScript's heap grows beside it. */
  savedActivations: 0.9,
  /** A micro-batch that nobody asked for is there for the whole run, and caches of prompts and targets grow beside it. */
  chosenMicroBatch: 0.8,
} as const;

export interface MemoryNeed {
  /** What the memory is for, as a noun phrase: "a forward pass over a batch of 8". */
  purpose: string;
  bytes: number;
  /** How to need less, as an imperative: "generate fewer prompt sets at once". */
  lower: string;
  /** Of what the limit counts, bytes that are taken already. Default: 0. */
  takenBytes?: number | undefined;
}

/**
 * The one place that decides whether work fits into the host's memory: within the caller's limit, and within what is
 * available now. Native code says only how many bytes work needs under a limit.
 */
export class MemoryBudget {
  /** @param limitBytes most that the caller allows; undefined: what is available */
  constructor(
    readonly limitBytes: number | undefined,
    readonly available: () => number = availableMemoryBytes,
  ) {}

  /**
   * @throws DndError OUT_OF_MEMORY unless the limit and what is available allow it: the need, what there is, what to do
   */
  require(need: MemoryNeed, share: keyof typeof SHARES = 'requested'): void {
    this.requireAllowed(need);
    this.requireAvailable(need, share);
  }

  /** As `require`, of the limit alone. */
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

  /** As `require`, of what is available alone. */
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

  /** What the limit leaves beside bytes that are taken already; without a limit a number beyond all memory. */
  leftBytes(takenBytes: number): number {
    return Math.max(0, (this.limitBytes ?? Number.MAX_SAFE_INTEGER) - takenBytes);
  }

  /** What can be had now, within the limit, beside bytes that are taken already. */
  affordableBytes(takenBytes: number): number {
    return Math.min(this.available(), this.leftBytes(takenBytes));
  }

  /**
   * Most that a training step may take in all: what the limit leaves beside its operands, or else a share of what is
   * available and what the step holds already. A limit counts as it is, whatever is available: the workspaces of
   * convolutions, and so the bytes that are learnt, may depend on it.
   */
  trainingBytes({ operands, held }: { operands: number; held: () => number }): number {
    if (this.limitBytes !== undefined) return this.leftBytes(operands);
    return Math.floor(this.available() * SHARES.savedActivations) + held();
  }

  /** OUT_OF_MEMORY where what is available would change what is computed. */
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
 * An allocation that the system or a device refused, with what to do; any other error as it is.
 * @param what that was to be allocated, where the error does not say it
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
