import fc from 'fast-check';
import { DndError } from '../../src/errors.js';
import { type GeneratorManifest, layoutOf, parseManifest } from '../../src/generator/manifest.js';
import { TINY_BASE, TINY_TOKENS } from './tiny.js';

type Json = Record<string, unknown>;

function manifestJson(): Json & GeneratorManifest {
  return {
    formatVersion: 1,
    createdBy: 'dnd-lora 0.1.0',
    preset: null,
    base: { ...TINY_BASE },
    encoder: {
      type: 'bert',
      name: 'all-MiniLM-L6-v2',
      channels: 16,
      weightsSha256: 'ab'.repeat(32),
      tokenizerSha256: 'cd'.repeat(32),
    },
    condition: { maxLength: 20, padding: 'encode', pooling: 'none' },
    decoder: { features: [[4, 8, 16], TINY_TOKENS], kernelSize: 3, projectedFrom: 20 },
    adapter: {
      rank: 2,
      alpha: 4,
      useRslora: false,
      modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'gate_proj', 'down_proj'],
      chunk: 64,
      layersPath: 'model.layers',
    },
    training: { trained: false, seed: 0 },
  };
}

function refusal(code: string, sentence: string) {
  return expect.objectContaining({ code, message: expect.stringContaining(sentence) });
}

/** A copy with the value at a path replaced, or taken away. */
function changed(path: string, value?: unknown): Json {
  const json = manifestJson() as Json;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key] as Json, json);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return json;
}

test('what was written is read, and describes the same layout', () => {
  const json = manifestJson();
  const manifest = parseManifest(JSON.parse(JSON.stringify(json)), 'generator.json');
  expect(manifest).toEqual(json);
  const layout = layoutOf(manifest);
  expect([layout.tokenCount, layout.tokenHeight, layout.tokenWidth]).toEqual(TINY_TOKENS);
});

test('where trained parameters come from is read', () => {
  const training = {
    trained: true,
    seed: 3,
    steps: 200,
    form: 'mix',
    tasks: ['arc-e'],
    heldOutTasks: [],
    pairsDigest: 'ab'.repeat(32),
  };
  expect(parseManifest(changed('training', training), 'generator.json').training).toEqual(training);
  for (const key of ['form', 'tasks', 'heldOutTasks', 'pairsDigest'])
    expect(() => parseManifest(changed('training', { ...training, [key]: 7 }), 'generator.json')).toThrow(
      refusal('CORRUPT_FILE', `training.${key}: is not valid; expected a`),
    );
});

test('unknown fields are ignored', () => {
  const json = { ...changed('training.evaluation', { accuracy: 0.5 }), comment: 'mine' };
  expect(parseManifest(json, 'generator.json')).toEqual(manifestJson());
});

test('a newer format is refused by name, before anything else is looked at', () => {
  expect(() => parseManifest({ formatVersion: 6 }, 'x/generator.json')).toThrow(
    refusal(
      'NEWER_FORMAT',
      'x/generator.json has generator format 6, and this version of dnd-lora reads up to format 5: update dnd-lora',
    ),
  );
});

const REQUIRED = [
  ...['formatVersion', 'createdBy', 'base', 'encoder', 'condition', 'decoder', 'adapter', 'training'],
  ...['encoder.type', 'encoder.channels', 'encoder.weightsSha256', 'encoder.tokenizerSha256'],
  ...['condition.maxLength', 'condition.padding', 'condition.pooling'],
  ...['decoder.features', 'decoder.kernelSize', 'decoder.projectedFrom'],
  ...['adapter.rank', 'adapter.alpha', 'adapter.useRslora', 'adapter.modules', 'adapter.chunk', 'adapter.layersPath'],
  ...['training.trained', 'training.seed'],
];

test.each(REQUIRED)('without %s it is corrupt, and the message names the file', (path) => {
  expect(() => parseManifest(changed(path), 'x/generator.json')).toThrow(refusal('CORRUPT_FILE', 'x/generator.json'));
});

test.each([
  ['encoder.type', 'deberta'],
  ['condition.padding', 'left'],
  ['condition.pooling', 1],
  ['adapter.alpha', 0],
  ['adapter.alpha', '16'],
  ['adapter.modules', []],
  ['adapter.modules', ['embed_tokens']],
  ['decoder.kernelSize', 4],
  ['training.seed', -1],
  ['base', []],
])('%s cannot be %j', (path, value) => {
  expect(() => parseManifest(changed(path, value), 'x/generator.json')).toThrow(
    refusal('CORRUPT_FILE', 'x/generator.json'),
  );
});

describe('parts that do not fit each other are refused, and the message says what would fit', () => {
  test('features and adapter layout', () => {
    const features = [
      [4, 8, 16],
      [TINY_TOKENS[0] + 1, TINY_TOKENS[1], TINY_TOKENS[2]],
    ];
    expect(() => parseManifest(changed('decoder.features', features), 'g.json')).toThrow(
      refusal('SHAPE_MISMATCH', `make the last entry of features [${TINY_TOKENS.join(', ')}]`),
    );
  });

  test('encoder and condition', () => {
    expect(() => parseManifest(changed('encoder.channels', 384), 'g.json')).toThrow(
      refusal('SHAPE_MISMATCH', 'the text encoder has 384 channels and features[0] = (4, 8, 16) requires 16'),
    );
  });

  test('length and condition', () => {
    expect(() => parseManifest(changed('condition.maxLength', 19), 'g.json')).toThrow(
      refusal('SHAPE_MISMATCH', 'a maxLength of 19 gives conditions of that length, and the decoder takes 20'),
    );
  });

  test('pooling and condition', () => {
    expect(() => parseManifest(changed('condition.pooling', 'mean'), 'g.json')).toThrow(
      refusal('SHAPE_MISMATCH', "pooling 'mean' gives conditions of length 1"),
    );
  });
});

test('whatever is done to it, it is read or refused by a DndError', () => {
  const paths = [
    ...REQUIRED,
    'preset',
    'base.hidden',
    'base.heads',
    'base.layers',
    'base.kvHeads',
    'base.name',
    'decoder.features.0',
    'decoder.features.1.0',
  ];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.integer(),
    fc.double(),
    fc.constantFrom(0, -0, 1, 2, 3, 20, 2 ** 31, 2 ** 53, 1e300, '', '__proto__', null, [], {}, true),
  );
  const edit = fc.tuple(fc.constantFrom(...paths), value);
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let json = manifestJson() as Json;
      for (const [path, value] of edits) json = edited(json, path, value);
      try {
        layoutOf(parseManifest(json, 'generator.json'));
      } catch (error) {
        expect(error).toBeInstanceOf(DndError);
      }
    }),
    { numRuns: 3000 },
  );
});

/** As `changed`, on a copy of `json`; a path broken by an earlier edit is skipped. */
function edited(json: Json, path: string, value: unknown): Json {
  const copy = structuredClone(json);
  const keys = path.split('.');
  const last = keys.pop()!;
  let parent: unknown = copy;
  for (const key of keys) parent = typeof parent === 'object' && parent !== null ? (parent as Json)[key] : undefined;
  if (typeof parent === 'object' && parent !== null) (parent as Json)[last] = value;
  return copy;
}
