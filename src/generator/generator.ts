import { join } from 'node:path';
import type { AdapterLayout, LoraAdapter } from '../adapter/index.js';
import { bothOrNeither, SerialQueue, steadyProgress } from '../async/index.js';
import { checkMaxLength, type TextEncoder } from '../encoder/index.js';
import { checkEngineSettings, DecoderEngine, type DeviceUse } from '../engine/index.js';
import { DndError } from '../errors.js';
import { verifyChecksums } from '../files/index.js';
import { checkOptions, checkPath, checkWholeNumber } from '../validation/index.js';
import type { Basis } from './basis.js';
import { BASIS_FILE, readBasis } from './basis-file.js';
import type { ConditionProjection } from './condition-projection.js';
import { PROJECTION_FILE, readProjection } from './condition-projection-file.js';
import { conditionShape } from './decoder-shape.js';
import { currentValues, DECODER_BASE_NAME, loadDecoderWeights } from './decoder-weights.js';
import { onDevice } from './device.js';
import { encodeGroups } from './encode.js';
import { encoderInside, loadNamedEncoder } from './encoder-folder.js';
import { decodeCondition, generateBatch } from './generate.js';
import type { GeneratedAdapter } from './generated-adapter.js';
import { generatorFolder } from './generator-package.js';
import type { CreateOptions, EngineSettings, LoadOptions } from './load-options.js';
import { type GeneratorManifest, MANIFEST_FILE, readManifest } from './manifest.js';
import { requireDecoderMemory, resultElements } from './memory.js';
import { newParts, planNew } from './new-generator.js';
import { NORMALISATION_FILE, readLayout } from './normalisation-file.js';
import { type OnProgress, Progress } from './progress.js';
import { projectedEncoder } from './projected-encoder.js';
import { type Choice, choosePrompts, type PromptSets, promptSetEntries } from './prompts.js';
import { type SaveOptions, saveGenerator } from './save.js';

/** Options of `Generator.condition`. */
export interface ConditionOptions {
  /** Random seed for prompt sampling, if there are more or fewer prompts than the generator takes. Default: 0. */
  seed?: number | undefined;
  /** Stops the work at its next tile; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done of the whole call, from 0 to 1, and the stage, at most about 20 times a second. */
  onProgress?: OnProgress | undefined;
}

/** Options of `Generator.generate`. */
export interface GenerateOptions extends ConditionOptions {
  /**
   * Use every prompt of a set larger than the generator takes: divided at random into as few even groups as hold
   * them, each of which gives an adapter; the result is their mean. Default: false, which draws as many prompts as the
   * generator takes.
   */
  allPrompts?: boolean | undefined;
}

/** Options of `Generator.generateMany`. */
export interface GenerateManyOptions extends GenerateOptions {
  /** Conditions per decoder batch, fewer if memory is short. Default: 8. */
  batchSize?: number | undefined;
}

/** What `Generator.generateMany` gives for each prompt set. */
export interface GeneratedSet {
  /** Name of the prompt set. */
  name: string;
  /** The adapter of its task. */
  adapter: GeneratedAdapter;
}

interface Parts {
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  /** undefined if the decoder ends in weight tokens. */
  basis: Basis | undefined;
  /** Of hidden states into principal components; undefined if conditions are the hidden states. */
  projection: ConditionProjection | undefined;
  encoder: TextEncoder;
  /** Folder of the encoder's files; undefined if it has none. */
  encoderFolder: string | undefined;
  engine: DecoderEngine;
  /** Wall-clock time of `load` or `create`. */
  loadSeconds: number;
}

const DEFAULT_BATCH_SIZE = 8;

/**
 * Text encoder, decoder and adapter layout, ready to generate adapters for one base model. Calls on one generator run
 * one after the other; several generators may run concurrently. Every method but `dispose` throws DISPOSED after
 * `dispose`.
 */
export class Generator implements Disposable, AsyncDisposable {
  readonly #parts: Parts;
  readonly #queue = new SerialQueue();

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Loads a generator.
   * @param path a generator folder; or, where there is no such path, an installed npm package with generators, found as
   * Node finds packages, from the working folder and then from this package: `@dnd-lora/smollm2-135m` is its standard
   * generator, `@dnd-lora/smollm2-135m/house-styles` the one of that name
   * @throws DndError INVALID_ARGUMENT for a package without that generator; FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE,
   * NEWER_FORMAT, SHAPE_MISMATCH, INVALID_WEIGHTS, ENCODER_MISMATCH, UNSUPPORTED_ENCODER, OUT_OF_MEMORY,
   * DEVICE_UNAVAILABLE, ADDON_UNAVAILABLE; `signal.reason` after an abort
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Generator> {
    checkPath(path, 'the folder of Generator.load');
    checkEngineSettings(checkOptions(options, 'options of Generator.load'));
    if (options.encoder !== undefined) checkPath(options.encoder, 'encoder');
    options.signal?.throwIfAborted();
    const began = performance.now();
    const folder = await generatorFolder(path);
    // Checkpoints of a training run have checksums.
    const read = (name: string) =>
      [MANIFEST_FILE, NORMALISATION_FILE, BASIS_FILE, PROJECTION_FILE].includes(name) ||
      name.startsWith(DECODER_BASE_NAME);
    await verifyChecksums(folder, { only: read, signal: options.signal });
    const manifest = await readManifest(join(folder, MANIFEST_FILE));
    const layout = await readLayout(folder, manifest, options.signal);
    const basis = await readBasis(folder, manifest, layout, options.signal);
    const projection = await readProjection(folder, manifest, options.signal);
    const source = options.encoder ?? (await encoderInside(folder, manifest.encoder));
    const progress = new Progress({ load: 1 }, options.onProgress);
    return onDevice(options, async (device) => {
      const encoding = loadNamedEncoder(source, manifest.encoder, { ...options, device });
      const decoding = Generator.#decoder(
        { manifest, layout, basis },
        { ...options, device },
        (engine, beforeFilling) => {
          const onProgress = progress.stage('load');
          return loadDecoderWeights(folder, engine, { signal: options.signal, onProgress, beforeFilling });
        },
      );
      const [encoder, engine] = await bothOrNeither(encoding, decoding);
      const parts = { manifest, layout, basis, projection, encoder: projectedEncoder(encoder, projection), engine };
      return Generator.#assemble(parts, source, began, options.signal);
    });
  }

  /**
   * Creates an untrained generator: its decoder has PyTorch's default initialisation for the seed.
   * @throws DndError INVALID_ARGUMENT, SHAPE_MISMATCH, UNSUPPORTED_BASE, UNSUPPORTED_ENCODER, FILE_NOT_FOUND,
   * CORRUPT_FILE, OUT_OF_MEMORY, DEVICE_UNAVAILABLE, ADDON_UNAVAILABLE; `signal.reason` after an abort
   */
  static async create(options: CreateOptions): Promise<Generator> {
    const began = performance.now();
    const parts = await newParts(options);
    const { signal } = options;
    const progress = new Progress({ initialise: 1 }, options.onProgress);
    return onDevice(options, async (device) => {
      const { manifest, layout, encoder } = await planNew(parts, options, device);
      const decoding = Generator.#decoder(
        { manifest, layout, basis: undefined },
        { ...options, device },
        (engine, beforeFilling) => {
          beforeFilling();
          return engine.initialise(manifest.training.seed, { signal, onProgress: progress.stage('initialise') });
        },
      );
      const [, engine] = await bothOrNeither(Promise.resolve(encoder), decoding);
      const all = { manifest, layout, basis: undefined, projection: undefined, encoder, engine };
      return Generator.#assemble(all, options.encoder, began, signal);
    });
  }

  /**
   * Creates the decoder, fills it and makes it ready; frees it on failure.
   * @param fill calls its second parameter, which checks the memory, before it touches any
   */
  static async #decoder(
    { manifest, ...results }: Pick<Parts, 'manifest' | 'layout' | 'basis'>,
    { threads, memoryLimitBytes, signal, device }: Omit<EngineSettings, 'device'> & { device: DeviceUse },
    fill: (engine: DecoderEngine, beforeFilling: () => void) => Promise<void>,
  ): Promise<DecoderEngine> {
    const engine = await DecoderEngine.create({ ...manifest.decoder, threads, memoryLimitBytes, device, mapped: true });
    try {
      await fill(engine, () => requireDecoderMemory(engine, results, memoryLimitBytes));
      await engine.prepare({ signal });
      return engine;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  /**
   * Checks that the parts fit; frees them if they do not.
   * @param encoderSource folder of the text encoder, or 'hash'
   * @param began as `performance.now()`
   */
  static #assemble(
    parts: Omit<Parts, 'encoderFolder' | 'loadSeconds'>,
    encoderSource: string,
    began: number,
    signal: AbortSignal | undefined,
  ): Generator {
    const { manifest, encoder, engine } = parts;
    try {
      checkMaxLength(manifest.condition.maxLength, encoder, 'SHAPE_MISMATCH', 'the generator: ');
      signal?.throwIfAborted();
    } catch (error) {
      engine.dispose();
      encoder.dispose();
      throw error;
    }
    const encoderFolder = manifest.encoder.type === 'hash' ? undefined : encoderSource;
    return new Generator({ ...parts, encoderFolder, loadSeconds: (performance.now() - began) / 1000 });
  }

  /** The generator's description: base model, encoder, decoder, adapter, training. */
  get manifest(): Readonly<GeneratorManifest> {
    return this.#parts.manifest;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.#queue.closed;
  }

  /** Number of prompts in a condition; `generate` also accepts more or fewer. */
  get promptsWanted(): number {
    return conditionShape(this.#parts.manifest.decoder)[0];
  }

  /**
   * Generates an adapter for the task that the prompts describe. The same prompts, seed and memory limit give the same
   * bytes on one instruction set, independent of the number of threads.
   * @throws DndError INVALID_PROMPTS, OUT_OF_MEMORY, INVALID_WEIGHTS, DISPOSED; `signal.reason` after an abort
   */
  async generate(prompts: readonly string[], options: GenerateOptions = {}): Promise<GeneratedAdapter> {
    checkOptions(options, 'options of generate');
    const choice = choosePrompts('', prompts, this.#choosing(options));
    const batch = await this.#affordableBatch(Math.min(DEFAULT_BATCH_SIZE, choice.groups.length), options.signal);
    const [adapter] = await this.#generateBatch([choice], batch, options, options.onProgress);
    return adapter!;
  }

  /**
   * Generates an adapter for each prompt set, in batches, in the order of the sets: an object by name, or pairs [name,
   * prompts] from any iterable or async iterable. A name must stay inside a folder (no `..`, no absolute path), so that
   * adapters can be saved under it. All sets are read and checked before the first is started. Weights are transformed
   * once per batch, so a batch of eight takes little more than half the time of eight calls; results of different batch
   * sizes (`report.batch`) may not be bit-identical.
   * @throws DndError INVALID_ARGUMENT for such a name; as `generate`
   */
  async *generateMany(sets: PromptSets, options: GenerateManyOptions = {}): AsyncGenerator<GeneratedSet, void> {
    const { batchSize = DEFAULT_BATCH_SIZE, signal } = checkOptions(options, 'options of generateMany');
    checkWholeNumber(batchSize, 'batchSize', 1);
    const entries = await promptSetEntries(sets, signal);
    const choices = entries.map(([name, prompts]) => choosePrompts(name, prompts, this.#choosing(options)));
    const report = steadyProgress(options.onProgress);
    for (let done = 0; done < choices.length; ) {
      const left = choices.slice(done);
      const groups = left.reduce((sum, choice) => sum + choice.groups.length, 0);
      const size = await this.#affordableBatch(Math.min(batchSize, groups), signal);
      const batch = left.slice(0, setsWithin(size, left));
      const before = done;
      const adapters = await this.#generateBatch(batch, size, options, (fraction, stage) =>
        report((before + fraction * batch.length) / choices.length, stage),
      );
      done += batch.length;
      for (const [index, adapter] of adapters.entries()) yield { name: batch[index]!.name, adapter };
    }
  }

  /**
   * The condition that `generate` makes from prompts: hidden states of the text encoder, or their principal components,
   * [prompts, length, channels] as the decoder takes them.
   * @throws DndError as `generate`
   */
  async condition(prompts: readonly string[], options: ConditionOptions = {}): Promise<Float32Array> {
    const { seed = 0, signal } = checkOptions(options, 'options of condition');
    const { groups } = choosePrompts('', prompts, this.#choosing({ seed }));
    const { encoder, manifest } = this.#parts;
    const encoded = this.#queue.run(
      (linked) => encodeGroups(encoder, groups, manifest.condition, { signal: linked }),
      signal,
    );
    return (await encoded).hiddenStates;
  }

  /**
   * The adapter of a condition, for experiments with conditions that no prompts have; `generate` is `condition` and
   * `decode` in one.
   * @param condition [prompts, length, channels], as from `condition`
   * @throws DndError SHAPE_MISMATCH for a condition of another size; as `generate`
   */
  async decode(condition: Float32Array, options: Pick<GenerateOptions, 'signal'> = {}): Promise<LoraAdapter> {
    const { signal } = checkOptions(options, 'options of decode');
    const { decoder } = this.#parts.manifest;
    const [prompts, length, channels] = conditionShape(decoder);
    if (condition.length !== prompts * length * channels)
      throw new DndError(
        'SHAPE_MISMATCH',
        `the condition has ${condition.length} elements; expected [${prompts}, ${length}, ${channels}], ${prompts * length * channels}`,
      );
    return this.#queue.run((linked) => decodeCondition(this.#parts, condition, { signal: linked }), signal);
  }

  /**
   * Writes the generator as a folder that `load` reads. The folder appears whole or not at all.
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL; INVALID_ARGUMENT for an unknown dtype; INVALID_WEIGHTS for
   * parameters outside the dtype's range; DISPOSED; `signal.reason` after an abort
   */
  async save(folder: string, options: SaveOptions = {}): Promise<void> {
    checkOptions(options, 'options of save');
    await this.#queue.run(
      (signal) =>
        saveGenerator({ ...this.#parts, weights: currentValues(this.#parts.engine) }, folder, { ...options, signal }),
      options.signal,
    );
  }

  /** Frees its memory, at once or as soon as running work has stopped, which then rejects with DISPOSED. Idempotent. */
  dispose(): void {
    this.#queue.close(new DndError('DISPOSED', 'the generator has been disposed'));
    this.#parts.engine.dispose();
    this.#parts.encoder.dispose();
  }

  /** As `dispose`; called by `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As `dispose`, and waits until everything has stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    await this.#queue.idle();
  }

  #choosing({ seed = 0, allPrompts = false }: GenerateOptions) {
    return { wanted: this.promptsWanted, seed, all: allPrompts };
  }

  #generateBatch(
    choices: readonly Choice[],
    batch: number,
    { seed = 0, signal }: GenerateOptions,
    onProgress: OnProgress | undefined,
  ): Promise<GeneratedAdapter[]> {
    return this.#queue.run(
      (linked) => generateBatch(this.#parts, choices, { seed, batch, signal: linked, onProgress }),
      signal,
    );
  }

  /** Queued, since a device must not be queried while it works. */
  #affordableBatch(most: number, signal: AbortSignal | undefined): Promise<number> {
    const { engine } = this.#parts;
    return this.#queue.run(async () => engine.affordableBatch(most, resultElements(this.#parts)), signal);
  }
}

/** Number of the first prompt sets that together have at most `size` groups; one at least. */
function setsWithin(size: number, choices: readonly Choice[]): number {
  let [count, groups] = [0, 0];
  for (const choice of choices) {
    groups += choice.groups.length;
    if (count > 0 && groups > size) break;
    count++;
  }
  return count;
}
