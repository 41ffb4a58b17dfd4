import { allocateStates, type EncodedPrompts, type EncodeOptions, type TextEncoder } from '../encoder/index.js';
import type { ConditionProjection } from './condition-projection.js';

/** Maximum size of the hidden states that are in memory before they are projected. */
const GROUP_BYTES = 2 ** 26;

/** Encodes prompts some at a time, in their order. `first`: the place of a group's first prompt. */
export async function* encodeInGroups(
  encoder: TextEncoder,
  prompts: readonly string[],
  options: EncodeOptions,
): AsyncGenerator<EncodedPrompts & { first: number }, void> {
  const length = options.pooling === 'none' ? options.maxLength : 1;
  const bytes = length * encoder.channels * Float32Array.BYTES_PER_ELEMENT;
  const together = Math.max(1, Math.floor(GROUP_BYTES / bytes));
  // At least once: the encoder refuses a list of no prompts.
  for (let first = 0; first === 0 || first < prompts.length; first += together) {
    const group = prompts.slice(first, first + together);
    const onProgress = (fraction: number) => options.onProgress?.((first + fraction * group.length) / prompts.length);
    yield { first, ...(await encoder.encode(group, { ...options, onProgress })) };
  }
}

/**
 * A text encoder whose hidden states are projected, after pooling, wherever they become a condition. Its padding must be
 * 'zero'; padding positions stay zeros.
 */
class ProjectedEncoder implements TextEncoder {
  readonly channels: number;

  constructor(
    readonly encoder: TextEncoder,
    readonly projection: ConditionProjection,
  ) {
    this.channels = projection.components;
  }

  /** Of the encoder itself; the projection is identified by the condition of generator.json. */
  get identity() {
    return this.encoder.identity;
  }

  get maxWindow() {
    return this.encoder.maxWindow;
  }

  get minLength() {
    return this.encoder.minLength;
  }

  get encodesPadding() {
    return false;
  }

  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    const length = options.pooling === 'none' ? options.maxLength : 1;
    const shape: EncodedPrompts['shape'] = [prompts.length, length, this.channels];
    const hiddenStates = allocateStates(shape);
    const truncatedPrompts: number[] = [];
    let tokens = 0;
    for await (const group of encodeInGroups(this.encoder, prompts, options)) {
      const into = hiddenStates.subarray(group.first * length * this.channels);
      await this.projection.apply(group.hiddenStates, into, options.signal);
      tokens += group.tokens;
      for (const row of group.truncatedPrompts) truncatedPrompts.push(group.first + row);
    }
    return { hiddenStates, shape, tokens, truncatedPrompts };
  }

  dispose(): void {
    this.encoder.dispose();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.encoder[Symbol.asyncDispose]();
  }
}

/** The encoder whose hidden states are those of a condition; without a projection the encoder itself. */
export function projectedEncoder(encoder: TextEncoder, projection: ConditionProjection | undefined): TextEncoder {
  return projection === undefined ? encoder : new ProjectedEncoder(encoder, projection);
}
