import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type TokenisedPrompts, Tokeniser } from '../../src/encoder/index.js';
import { TextCutter } from '../../src/encoder/text-pieces.js';
import { abortedAfterTicks } from './event-loop.js';

const FIXTURES = join(__dirname, '..', 'fixtures', 'encoder');
const EXAMPLES = join(__dirname, '..', '..', 'examples', 'prompts');
const VOCABULARY = 30522;
const [CLS, SEP, MASK] = [101, 102, 103];

const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));
const tokenizer = json(FIXTURES, 'minilm-tokenizer', 'tokenizer.json');
const config = json(FIXTURES, 'minilm-tokenizer', 'tokenizer_config.json');
const folder = '/models/minilm';

function tokeniser(changes: { tokenizer?: object; config?: object; vocabSize?: number; padTokenId?: number } = {}) {
  const files = { tokenizer: { ...tokenizer, ...changes.tokenizer }, config: { ...config, ...changes.config }, folder };
  return new Tokeniser(files, changes.vocabSize ?? VOCABULARY, changes.padTokenId ?? 0);
}

const minilm = tokeniser();

/** The real ids of each prompt; what is around them must be padding. */
function realIds({ ids, mask }: TokenisedPrompts, prompts: number, padId = 0): number[][] {
  const length = ids.length / prompts;
  return Array.from({ length: prompts }, (_, row) => {
    const rowMask = mask.slice(row * length, (row + 1) * length);
    const rowIds = [...ids.slice(row * length, (row + 1) * length)];
    const count = rowMask.lastIndexOf(1) + 1;
    expect(rowMask).toEqual(new Int32Array(length).fill(1, 0, count));
    expect(rowIds.slice(count)).toEqual(new Array(length - count).fill(padId));
    return rowIds.slice(0, count);
  });
}

async function idsOf(text: string, length = 64, using = minilm): Promise<number[]> {
  return realIds(await using.tokenise([text], length), 1)[0]!;
}

describe('token ids', () => {
  const cases: { set?: string; index?: number | null; text?: string; maxLength: number; ids: number[] }[] = json(
    FIXTURES,
    'token-ids.json',
  );
  const sets: Record<string, string[]> = {};
  for (const name of ['gsm8k', 'humaneval']) {
    sets[name] = json(EXAMPLES, `${name}.json`).map((item: { prompt: string }) => item.prompt);
  }
  const named = cases.map(({ set, index, text, maxLength, ids }) => {
    if (set === undefined) return [JSON.stringify(text!.slice(0, 40)), maxLength, text!, ids] as const;
    if (index == null) return [`all of ${set}`, maxLength, sets[set]!.join('\n'), ids] as const;
    return [`prompt ${index} of ${set}`, maxLength, sets[set]![index]!, ids] as const;
  });

  test.each(named)('of %s within %d are those of transformers', async (_, maxLength, prompt, ids) => {
    expect(await idsOf(prompt, maxLength)).toEqual(ids);
  });
});

describe('a long text', () => {
  /** Texts longer than a piece, of words, spaces, marks, ideographs and special tokens. */
  const part = fc.oneof(
    fc.constantFrom(' ', '\n', '. ', '漢', '字', '[MASK]', '[', ']', '!', 'Σ', 'ος', '𠀀', 'é', 'e\u0301', '😀'),
    fc.string({ unit: fc.constantFrom(...'abcdexyz'), minLength: 1, maxLength: 12 }),
  );
  const parts = fc.array(part, { minLength: 1, maxLength: 30 });

  test('has the ids of its parts, wherever it is cut into pieces', async () => {
    // Without the pre-tokeniser's name the text is tokenised whole; the pattern does the same as BertPreTokenizer.
    const preTokenizer = { type: 'Sequence', pretokenizers: [{ type: 'BertPreTokenizer' }] };
    const whole = tokeniser({ tokenizer: { pre_tokenizer: preTokenizer } });
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 2000, max: 3500 }), async (texts, length) => {
        let text = '';
        for (let i = 0; text.length < length; i++) text += texts[i % texts.length];
        expect(await idsOf(text, 6000)).toEqual(await idsOf(text, 6000, whole));
      }),
      { numRuns: 20 },
    );
  });

  /** Repeated, these give no place to cut for long. */
  const endless = fc.constantFrom(
    'x',
    'ab',
    '\u0301',
    'a\u0301',
    '😀',
    '\u00a0',
    '[',
    '[MASK]',
    '漢',
    '\u200d',
    'é',
    '—',
    '≠',
    '가',
    '\v',
  );

  test('without places to cut has the ids of the whole, too', async () => {
    const preTokenizer = { type: 'Sequence', pretokenizers: [{ type: 'BertPreTokenizer' }] };
    const whole = tokeniser({ tokenizer: { pre_tokenizer: preTokenizer } });
    const run = fc.tuple(endless, fc.oneof(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 9000, max: 17000 })));
    await fc.assert(
      fc.asyncProperty(fc.array(run, { minLength: 1, maxLength: 4 }), async (runs) => {
        const text = runs.map(([unit, length]) => unit.repeat(Math.ceil(length / unit.length))).join('');
        const [cut, uncut] = [await minilm.tokenise([text], 50_000), await whole.tokenise([text], 50_000)];
        expect(cut).toEqual(uncut);
      }),
      {
        numRuns: 20,
        examples: [
          [
            [
              ['x', 9000],
              ['\u0301', 9000],
              ['é', 1],
            ],
          ],
          [
            [
              ['\u0301', 17_000],
              ['x', 99],
              ['\u0301', 9000],
              ['x', 1],
            ],
          ],
        ],
      },
    );
  });

  const piecesOf = (text: string, changes: object = {}) => {
    const description = { ...tokenizer, ...changes };
    return [...new TextCutter(description, (part) => part.replace(/[\u0301\u200d]/g, '')).pieces(text)];
  };

  test.each([
    ['letters', 'x'],
    ['combining marks', '\u0301'],
    ['emoji', '😀'],
    ['no-break spaces', '\u00a0'],
    ['brackets', '['],
    ['special tokens', '[MASK]'],
    ['ideographs', '漢'],
    ['joiners', '\u200d'],
  ])('of %s alone is worked on in pieces', (_, unit) => {
    const pieces = piecesOf(unit.repeat(400_000 / unit.length));
    expect(pieces.length).toBeGreaterThan(400_000 / 2 ** 13);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(2 ** 13);
  });

  test('is worked on in pieces by a tokeniser that is not known, too: whole characters', () => {
    const pieces = piecesOf('a😀'.repeat(100_000), { pre_tokenizer: { type: 'Whitespace' } });
    expect(pieces.join('')).toBe('a😀'.repeat(100_000));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(2 ** 16);
    for (const piece of pieces) expect(piece).toMatch(/^(?:a😀)*a?$|^😀(?:a😀)*a?$/u);
  });

  test('is not tokenised beyond what is needed', async () => {
    // Tokenised at once, these megabytes would block the event loop for hundreds of ticks.
    const { signal } = abortedAfterTicks(50);
    const { truncatedPrompts, tokens } = await minilm.tokenise(['one two three '.repeat(500_000)], 16, signal);
    expect({ truncatedPrompts, tokens }).toEqual({ truncatedPrompts: [0], tokens: 16 });
  });

  test('does not block the event loop', async () => {
    const loop = abortedAfterTicks(Number.POSITIVE_INFINITY);
    await minilm.tokenise(['The quick brown fox, again. '.repeat(20_000)], 200_000);
    expect(loop.turns()).toBeGreaterThan(10);
    loop.end();
  });

  test('stops with the reason of the signal', async () => {
    const { signal, reason } = abortedAfterTicks(2);
    const work = minilm.tokenise(['The quick brown fox. '.repeat(100_000)], 2_000_000, signal);
    await expect(work).rejects.toBe(reason);
  });
});

test('whatever the text, as many tokens are counted as would be made of all of it', async () => {
  const text = fc.string({
    unit: fc.constantFrom('word ', 'a', 'é', '. ', '中', '\n', 'unbelievably', '##'),
    maxLength: 600,
  });
  await fc.assert(
    fc.asyncProperty(text, async (prompt) => {
      const { tokens, truncatedPrompts } = await minilm.tokenise([prompt], 5000);
      expect(truncatedPrompts).toEqual([]);
      expect(await minilm.count(prompt)).toBe(tokens);
    }),
    { numRuns: 50 },
  );
  await expect(minilm.count('word', AbortSignal.abort('enough'))).rejects.toBe('enough');
});

describe('truncation and padding', () => {
  test('keep the special tokens around a prompt that is cut', async () => {
    expect(await idsOf('the the the the', 5)).toEqual([CLS, 1996, 1996, 1996, SEP]);
    expect(await idsOf('the the the', 5)).toEqual([CLS, 1996, 1996, 1996, SEP]);
    expect(await idsOf('the the', 5)).toEqual([CLS, 1996, 1996, SEP]);
  });

  test('name the prompts that are cut and count the real tokens', async () => {
    const result = await minilm.tokenise(['the', 'the the the the', '', 'the the the', 'the the the the the'], 5);
    expect(result.truncatedPrompts).toEqual([1, 4]);
    expect(result.tokens).toBe(3 + 5 + 2 + 5 + 5);
  });

  test('need space for at least one token beside the special ones', async () => {
    expect(await idsOf('the', 3)).toEqual([CLS, 1996, SEP]);
    await expect(minilm.tokenise(['the'], 2)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('at least 3'),
    });
  });

  test('pad with the token that tokenizer_config.json names', async () => {
    const padded = tokeniser({ config: { pad_token: { content: '[MASK]' } } });
    expect(realIds(await padded.tokenise(['the'], 6), 1, MASK)).toEqual([[CLS, 1996, SEP]]);
  });

  test("pad with the stored id, or else with the model's, where no padding token is known", async () => {
    const config = { pad_token: '<nothing>' };
    const stored = tokeniser({ config, tokenizer: { padding: { pad_id: 7 } }, padTokenId: 9 });
    expect(realIds(await stored.tokenise(['the'], 6), 1, 7)).toHaveLength(1);
    const model = tokeniser({ config, tokenizer: { padding: null }, padTokenId: 9 });
    expect(realIds(await model.tokenise(['the'], 6), 1, 9)).toHaveLength(1);
  });
});

describe('tokenizer_config.json goes before tokenizer.json, as in transformers', () => {
  const cased = { normalizer: { ...tokenizer.normalizer, lowercase: false } };
  const hello = [CLS, 7592, SEP];

  test('for the class BertTokenizer', async () => {
    expect(await idsOf('Hello', 8, tokeniser({ tokenizer: cased }))).toEqual(hello);
    expect(await idsOf('Hello', 8, tokeniser({ config: { do_lower_case: false } }))).toEqual([CLS, 100, SEP]);
  });

  test('with its default where it says nothing', async () => {
    expect(await idsOf('Hello', 8, tokeniser({ tokenizer: cased, config: { do_lower_case: null } }))).toEqual(hello);
  });

  test('but not for other classes', async () => {
    const config = { tokenizer_class: 'PreTrainedTokenizerFast', do_lower_case: true };
    expect(await idsOf('Hello', 8, tokeniser({ tokenizer: cased, config }))).toEqual([CLS, 100, SEP]);
  });
});

describe('a tokeniser that cannot be used is refused', () => {
  test.each([
    ['no object', { ...tokeniserFiles(), tokenizer: [] }, 'CORRUPT_FILE', 'tokenizer.json must hold a JSON object'],
    [
      'a config that is no object',
      { ...tokeniserFiles(), config: 3 },
      'CORRUPT_FILE',
      'tokenizer_config.json must hold',
    ],
    ['an empty object', { ...tokeniserFiles(), tokenizer: {} }, 'CORRUPT_FILE', 'is not a valid tokeniser'],
    ['no vocabulary', tokeniserFiles({ model: { type: 'WordPiece' } }), 'CORRUPT_FILE', 'is not a valid tokeniser'],
    ['an unknown part', tokeniserFiles({ pre_tokenizer: { type: 'Magic' } }), 'UNSUPPORTED_ENCODER', 'Magic'],
    [
      'padding on the left',
      tokeniserFiles({}, { padding_side: 'left' }),
      'UNSUPPORTED_ENCODER',
      'padding_side is "left"',
    ],
    [
      'truncation on the left',
      tokeniserFiles({}, { truncation_side: 'left' }),
      'UNSUPPORTED_ENCODER',
      'truncation_side is "left"',
    ],
    [
      'a malformed template',
      tokeniserFiles({ post_processor: { type: 'TemplateProcessing', single: 5 } }),
      'CORRUPT_FILE',
      'is not a valid tokeniser',
    ],
    [
      'a malformed post-processor',
      tokeniserFiles({ post_processor: { type: 'Sequence', processors: [null] } }),
      'CORRUPT_FILE',
      'is not a valid tokeniser',
    ],
    [
      'a template without the text',
      tokeniserFiles({ post_processor: { type: 'TemplateProcessing', single: [], pair: [] } }),
      'UNSUPPORTED_ENCODER',
      'post-processor',
    ],
  ])('%s', (_, files, code, message) => {
    expect(() => new Tokeniser(files, VOCABULARY, 0)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  function tokeniserFiles(changes: object = {}, settings: object = {}) {
    return { tokenizer: { ...tokenizer, ...changes }, config: { ...config, ...settings }, folder };
  }

  test('ids beyond the model, when they come up', async () => {
    const small = tokeniser({ vocabSize: 5000 });
    expect(await idsOf('the', 8, small)).toEqual([CLS, 1996, SEP]);
    await expect(small.tokenise(['the', 'hello'], 8)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(/token 2 of prompt 2 the id 7592.*vocab_size of 5000/),
    });
  });
});
