import { type AdapterLayout, type ResidualStatistics, scaleOf } from '../../adapter/index.js';
import { residualTokenGradient } from '../../adapter/residual-gradient.js';
import { reconstructAdapters, type SequenceAdapters } from '../../engine/index.js';
import { type EncodedExample, joinExamples, type LanguageModel } from '../../language/index.js';
import type { PairsAdapter } from '../pairs/types.js';
import type { TaskExamples } from './encode-tasks.js';

/** The loss of responses. */
export interface BehaviourSums {
  /** Σ over the labelled tokens of −ln p or, with teachers, of KL(with the teacher ‖ with the adapter), in nats. */
  sum: number;
  /** Labelled tokens. */
  tokens: number;
}

export interface BehaviourGradient {
  /** Of each adapter. */
  sums: BehaviourSums[];
  /** [batch, tokenCount, tokenHeight, tokenWidth], with respect to the weight tokens. */
  outputGradient: Float32Array<ArrayBuffer>;
}

export interface BehaviourGradientOptions {
  /** Of each adapter's loss, the mean of its sums over the labelled tokens of its sequences. */
  weight: number;
  /**
   * For each generated adapter one of its own task, in the same form [elementCount], whose predictions it is to make.
   * Default: none, it is to give the responses.
   */
  teachers?: readonly Float32Array[] | undefined;
  signal?: AbortSignal | undefined;
}

export interface BehaviourParts {
  /** The frozen base. Owned by this object. */
  model: LanguageModel;
  /** With `residual`. */
  layout: AdapterLayout;
  adapter: PairsAdapter;
  examples: TaskExamples;
  threads: number | undefined;
}

/**
 * The behaviour loss: how likely the frozen base, with each task's generated adapter, gives the task's own responses, or
 * how far its predictions of them are from those with a trained adapter of the task. The gradient goes back through the
 * adapter to the weight tokens that it was made from.
 */
export class Behaviour implements Disposable {
  readonly model: LanguageModel;
  readonly examples: TaskExamples;
  readonly #layout: AdapterLayout;
  readonly #residual: ResidualStatistics;
  readonly #threads: number | undefined;
  readonly #form: Pick<SequenceAdapters, 'rank' | 'modules' | 'layers' | 'scale'>;

  constructor({ model, layout, adapter, examples, threads }: BehaviourParts) {
    this.model = model;
    this.examples = examples;
    this.#layout = layout;
    this.#residual = layout.residual!;
    this.#threads = threads;
    const { rank, modules, layers } = layout;
    this.#form = { rank, modules, layers, scale: scaleOf(adapter, rank) };
  }

  /**
   * @param tokens weight tokens of the generated adapters, [batch, tokenCount, tokenHeight, tokenWidth]
   * @param sequences the examples that each adapter is tried on
   * @throws DndError OUT_OF_MEMORY; `signal.reason`
   */
  async gradient(
    tokens: Float32Array,
    sequences: readonly (readonly EncodedExample[])[],
    { weight, teachers, signal }: BehaviourGradientOptions,
  ): Promise<BehaviourGradient> {
    const batch = sequences.length;
    const adapters = await reconstructAdapters(tokens, batch, this.#layout.flat(), {
      threads: this.#threads,
      signal,
    });
    const { ids, labels, lengths } = joinExamples(sequences.flat());
    const adapterOf = sequences.flatMap((own, index) => own.map(() => index));
    const lora = { ...this.#form, adapters, teachers, adapterOf };
    const { likelihoods, gradients } = await this.model.engine.adapterGradients({ ids, lengths, lora }, labels, 1, {
      signal,
    });
    const sums = sequences.map(() => ({ sum: 0, tokens: 0 }));
    for (const [index, { sum, count }] of likelihoods.entries()) {
      const own = sums[adapterOf[index]!]!;
      own.sum -= sum;
      own.tokens += count;
    }
    const outputGradient = new Float32Array(batch * this.#layout.size);
    for (const [index, gradient] of gradients.entries()) {
      const own = outputGradient.subarray(index * this.#layout.size, (index + 1) * this.#layout.size);
      residualTokenGradient(this.#layout, this.#residual, gradient, weight / sums[index]!.tokens, own);
    }
    return { sums, outputGradient };
  }

  dispose(): void {
    this.model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
