import { type LongOperation, SerialQueue, unlessAborted, valueCopier } from '../async/index.js';
import type { HiddenStatesCache } from './hidden-states-cache.js';
import type { Checkpoint } from './pairs/types.js';
import { type Sample, type SampledTask, type SampleOptions, sampleBatch } from './sampler.js';
import type { Targets } from './targets.js';

/** Some samples of a step, in the engine's format. */
export interface MicroBatch {
  step: number;
  /** Index of its first sample in the step's batch. */
  first: number;
  samples: readonly Sample[];
  /** [samples, prompts, length, channels] */
  condition: Float32Array;
  /** [samples, tokens, height, width] or, with the targets 'delta', [samples, elements]; null without a token loss */
  target: Float32Array | null;
}

export interface TrainingDataOptions extends SampleOptions {
  tasks: readonly SampledTask[];
  states: HiddenStatesCache;
  /** null: no token loss. */
  targets: Targets | null;
  microBatch: number;
}

interface Place {
  step: number;
  first: number;
}

interface Buffers {
  condition: Float32Array;
  target: Float32Array | null;
}

/**
 * Prepares micro-batches in training order, each during the processing of the previous one: there are two pairs of
 * buffers, and a micro-batch is valid until the next but one is requested.
 */
export class TrainingData {
  readonly #options: TrainingDataOptions;
  readonly #buffers: [Buffers | undefined, Buffers | undefined] = [undefined, undefined];
  readonly #queue = new SerialQueue();
  #ahead: (Place & { made: Promise<MicroBatch> }) | undefined;
  #turn = 0;

  constructor(options: TrainingDataOptions) {
    this.#options = options;
  }

  /** Start indices of the micro-batches in a step's batch. */
  get firsts(): number[] {
    const { batch, microBatch } = this.#options;
    return Array.from({ length: Math.ceil(batch / microBatch) }, (_, index) => index * microBatch);
  }

  /**
   * Returns the prefetched micro-batch, or else prepares it; then starts on `next`, if given.
   * @throws DndError as encoders and `Targets`; `signal.reason`, while the work itself continues for the next call
   */
  async take(place: Place, next: Place | undefined, signal: AbortSignal | undefined): Promise<MicroBatch> {
    signal?.throwIfAborted();
    if (!this.#ahead || !samePlace(this.#ahead, place)) this.#begin(place);
    const made = await unlessAborted(this.#ahead!.made, signal).catch((error) => {
      // A failed micro-batch is retried on the next request.
      if (!signal?.aborted) this.#ahead = undefined;
      throw error;
    });
    if (next) this.#begin(next);
    else this.#ahead = undefined;
    return made;
  }

  /**
   * Runs other work with hidden states and targets, while no micro-batch is being prepared. Aborted while it waits, it
   * rejects at once; later the promise settles when the work has.
   */
  exclusively<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#queue.run(work, signal);
  }

  /** Stops the preparation; resolves when it has stopped. */
  async dispose(reason: unknown): Promise<void> {
    this.#queue.close(reason);
    await this.#queue.idle();
  }

  #begin(place: Place): void {
    const turn = this.#turn;
    this.#turn = 1 - turn;
    const made = this.#queue.run((signal) => this.#make(place, turn as 0 | 1, signal));
    // A failure is reported to the next request.
    made.catch(() => {});
    this.#ahead = { ...place, made };
  }

  async #make({ step, first }: Place, turn: 0 | 1, signal: AbortSignal): Promise<MicroBatch> {
    const { tasks, states, targets, microBatch, prompts } = this.#options;
    const samples = sampleBatch(tasks, step, this.#options).slice(first, first + microBatch);
    this.#buffers[turn] ??= {
      condition: new Float32Array(microBatch * prompts * states.size),
      target: targets && new Float32Array(microBatch * targets.size),
    };
    const buffers = this.#buffers[turn];
    const condition = buffers.condition.subarray(0, samples.length * prompts * states.size);
    await states.fill(
      samples.flatMap(({ texts }) => texts),
      condition,
      { signal },
    );
    if (!targets || !buffers.target) return { step, first, samples, condition, target: null };
    const target = buffers.target.subarray(0, samples.length * targets.size);
    await fillTargets(
      samples.map(({ checkpoint }) => checkpoint!),
      targets,
      target,
      { signal },
    );
    return { step, first, samples, condition, target };
  }
}

/** Writes the targets that the checkpoints are contiguously into `into`. */
export async function fillTargets(
  checkpoints: readonly Checkpoint[],
  targets: Targets,
  into: Float32Array,
  { signal }: LongOperation,
): Promise<void> {
  const copy = valueCopier(signal);
  for (const [place, checkpoint] of checkpoints.entries()) {
    const tokens = await targets.of(checkpoint, signal);
    await copy(tokens, into, place * tokens.length);
  }
}

function samePlace(one: Place, other: Place): boolean {
  return one.step === other.step && one.first === other.first;
}
