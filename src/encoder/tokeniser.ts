import { eventLoopYielder } from '../async/index.js';
import { MemoryBudget } from '../engine/index.js';
import { DndError } from '../errors.js';
import { describeTokeniser, LibraryTokeniser, type TokeniserFiles } from '../tokeniser/index.js';
import { isObject, quoteValue } from '../validation/index.js';
import { effectiveNormalizer } from './effective-normalizer.js';
import { checkMaxLength } from './text-encoder.js';
import { TextCutter } from './text-pieces.js';

/** Prompts as token ids, each truncated or padded to the same length. */
export interface TokenisedPrompts {
  /** [prompts, length] */
  ids: Int32Array<ArrayBuffer>;
  /** [prompts, length]: 1 for a real token, special ones included, and 0 for padding. */
  mask: Int32Array<ArrayBuffer>;
  /** Real tokens. */
  tokens: number;
  /** Indices of the prompts that were cut. */
  truncatedPrompts: number[];
}

/**
 * A tokeniser of @huggingface/tokenizers with the truncation and padding of transformers' `tokenizer(prompt,
 * max_length=…, truncation=True, padding='max_length')`: truncation keeps the special tokens.
 */
export class Tokeniser {
  readonly #library: LibraryTokeniser;
  readonly #cutter: TextCutter;
  /** Special tokens before and after each prompt. */
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #padId: number;
  readonly #folder: string;

  /**
   * @param vocabSize ids must be below it
   * @param padTokenId used if the tokeniser's files name no padding token
   * @param options.causal of a decoder-only model: it does not matter to the tokens on which side padding is
   * @throws DndError CORRUPT_FILE, UNSUPPORTED_ENCODER
   */
  constructor(
    files: TokeniserFiles,
    readonly vocabSize: number,
    padTokenId: number,
    { causal = false }: { causal?: boolean } = {},
  ) {
    this.#folder = files.folder;
    const { tokenizer: stored, config: settings } = describeTokeniser(files);
    refuseLeftSide(settings, files.folder, causal ? ['truncation_side'] : ['padding_side', 'truncation_side']);
    const normalizer = effectiveNormalizer(stored.normalizer, settings);
    const description = normalizer === stored.normalizer ? stored : { ...stored, normalizer };
    const described = { tokenizer: description, config: settings, folder: files.folder };
    this.#library = new LibraryTokeniser(described, 'UNSUPPORTED_ENCODER');
    this.#cutter = new TextCutter(description, (text) => this.#library.normalise(text));
    const { before, after } = this.#library.specialTokensAround();
    this.#before = before;
    this.#after = after;
    this.#padId = this.#findPadId(settings, description) ?? padTokenId;
  }

  /**
   * Tokenises each prompt by itself, in short slices of time.
   * @throws DndError INVALID_ARGUMENT when only the special tokens fit into `length`; SHAPE_MISMATCH for an id outside
   * the model's vocabulary; `signal.reason`
   */
  async tokenise(prompts: readonly string[], length: number, signal?: AbortSignal): Promise<TokenisedPrompts> {
    checkMaxLength(length, { minLength: this.minLength, maxWindow: Number.POSITIVE_INFINITY }, 'INVALID_ARGUMENT');
    const capacity = length - this.minLength + 1;
    new MemoryBudget(undefined).require({
      purpose: `tokenising ${prompts.length} prompts to ${length} tokens each`,
      bytes: 2 * Int32Array.BYTES_PER_ELEMENT * prompts.length * length,
      lower: 'encode fewer prompts at once or lower maxLength',
    });
    const ids = new Int32Array(prompts.length * length).fill(this.#padId);
    const mask = new Int32Array(prompts.length * length);
    const truncatedPrompts: number[] = [];
    const yieldToEventLoop = eventLoopYielder();
    let tokens = 0;
    for (const [index, prompt] of prompts.entries()) {
      const content: number[] = [];
      for (const piece of this.#cutter.pieces(prompt)) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
        for (const id of this.#library.encode(piece)) content.push(id);
        if (content.length > capacity) break;
      }
      if (content.length > capacity) truncatedPrompts.push(index);
      const row = [...this.#before, ...content.slice(0, capacity), ...this.#after];
      this.#checkIds(row, index);
      ids.set(row, index * length);
      mask.fill(1, index * length, index * length + row.length);
      tokens += row.length;
    }
    return { ids, mask, tokens, truncatedPrompts };
  }

  /** One token of a prompt, and the special tokens around it. */
  get minLength(): number {
    return this.#before.length + this.#after.length + 1;
  }

  /** Tokens of a whole prompt, special ones included. */
  async count(prompt: string, signal?: AbortSignal): Promise<number> {
    const yieldToEventLoop = eventLoopYielder();
    let count = this.#before.length + this.#after.length;
    for (const piece of this.#cutter.pieces(prompt)) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      count += this.#library.encode(piece).length;
    }
    return count;
  }

  #checkIds(ids: readonly number[], prompt: number): void {
    const wrong = ids.findIndex((id) => !(id >= 0 && id < this.vocabSize));
    if (wrong < 0) return;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${this.#folder}: tokenizer.json gives token ${wrong + 1} of prompt ${prompt + 1} the id ${ids[wrong]}, but config.json has a vocab_size of ${this.vocabSize}. Check that the files belong together`,
    );
  }

  /** Of a token as `tokenizer_config.json` names it. */
  #idOfNamed(token: unknown): number | undefined {
    const content = isObject(token) ? token.content : token;
    return typeof content === 'string' ? this.#library.idOf(content) : undefined;
  }

  #findPadId(settings: Record<string, unknown>, description: Record<string, unknown>): number | undefined {
    const id = this.#idOfNamed(settings.pad_token ?? '[PAD]');
    const stored = (description.padding as { pad_id?: unknown } | null | undefined)?.pad_id;
    return id ?? (Number.isInteger(stored) ? (stored as number) : undefined);
  }
}

function refuseLeftSide(settings: Record<string, unknown>, folder: string, names: readonly string[]): void {
  for (const name of names) {
    if ((settings[name] ?? 'right') === 'right') continue;
    throw new DndError(
      'UNSUPPORTED_ENCODER',
      `${folder}/tokenizer_config.json: ${name} is ${quoteValue(settings[name])}, and only "right" is supported`,
    );
  }
}
