/** Tasks on the letters of one word, or of two. */
const { inputsOf, namesOf } = require('./sources.cjs');
const { makeTask } = require('./task.cjs');
const { capitalised, counted, distinct, pick, yesNo } = require('./texts.cjs');

const VOWELS = /[aeiou]/g;
const first = (word) => word[0];
const last = (word) => word[word.length - 1];
const code = (letter) => letter.charCodeAt(0) - 96;
const letterOf = (number) => (number >= 1 && number <= 26 ? String.fromCharCode(96 + number) : undefined);
const upTo = (length, answer) => (word) => (word.length <= length ? answer(word) : undefined);
const from = (length, answer) => (word) => (word.length >= length ? answer(word) : undefined);
const YES_NO = { labels: ['yes', 'no'] };
const LETTER = { argument: 'that is named', second: (random) => pick(random, [...'aeilnorst']) };

/** [name, phrase, answer, options] */
const OPERATIONS = [
  ['upper', 'write this word in capitals', (w) => w.toUpperCase()],
  ['lower', 'write this word in lower case', (w) => w.toLowerCase(), { change: (word) => word.toUpperCase() }],
  ['last-capital', 'write this word with its last letter as a capital', (w) => w.slice(0, -1) + last(w).toUpperCase()],
  ['second-letter', 'give the second letter', (w) => w[1]],
  ['third-letter', 'give the third letter', from(3, (w) => w[2])],
  ['fourth-letter-capital', 'give the fourth letter as a capital', from(5, (w) => w[3].toUpperCase())],
  ['middle-letter', 'give the middle letter', from(5, (w) => (w.length % 2 === 1 ? w[(w.length - 1) / 2] : undefined))],
  ['first-two-letters', 'give the first two letters', from(4, (w) => w.slice(0, 2)), { operation: 'first-letters' }],
  [
    'first-three-letters',
    'give the first three letters',
    from(5, (w) => w.slice(0, 3)),
    { operation: 'first-letters' },
  ],
  ['last-two-letters', 'give the last two letters', from(4, (w) => w.slice(-2))],
  ['first-and-last-letter', 'give the first and the last letter', from(3, (w) => first(w) + last(w))],
  ['without-first-letter', 'leave out the first letter', from(3, (w) => w.slice(1))],
  ['without-last-letter', 'leave out the last letter', from(3, (w) => w.slice(0, -1))],
  ['without-vowels', 'leave out the vowels', from(3, (w) => w.replace(VOWELS, ''))],
  ['only-vowels', 'give only the vowels', (w) => w.match(VOWELS)?.join('')],
  ['first-vowel', 'give the first vowel', (w) => w.match(VOWELS)?.[0]],
  ['last-vowel', 'give the last vowel', (w) => w.match(VOWELS)?.at(-1)],
  ['first-consonant', 'give the first consonant', (w) => w.match(/[^aeiou]/)?.[0]],
  ['backwards', 'write this word backwards', upTo(7, (w) => [...w].reverse().join(''))],
  ['spelled', 'spell this word with dashes', upTo(6, (w) => [...w].join('-')), { operation: 'spelled' }],
  ['spelled-apart', 'spell this word with spaces', upTo(6, (w) => [...w].join(' ')), { operation: 'spelled' }],
  [
    'spelled-in-capitals',
    'spell this word in capitals with dots',
    upTo(5, (w) => [...w.toUpperCase()].join('.')),
    { operation: 'spelled' },
  ],
  ['letters-sorted', 'sort the letters of this word by the alphabet', upTo(5, (w) => [...w].sort().join(''))],
  [
    'ends-swapped',
    'swap the first and the last letter',
    upTo(
      7,
      from(3, (w) => last(w) + w.slice(1, -1) + first(w)),
    ),
  ],
  [
    'first-letter-to-end',
    'move the first letter to the end',
    upTo(
      7,
      from(3, (w) => w.slice(1) + first(w)),
    ),
  ],
  ['count-vowels', 'count the vowels', (w) => String(counted(w, VOWELS))],
  ['count-consonants', 'count the consonants', (w) => String(w.length - counted(w, VOWELS))],
  ['count-letter', 'count how often the letter {1} occurs', (w, x) => String(w.split(x).length - 1), LETTER],
  [
    'has-letter',
    'say whether it has the letter {1}, yes or no',
    (w, x) => yesNo(w.includes(x)),
    { ...LETTER, ...YES_NO },
  ],
  [
    'position-of-letter',
    'give the position of the letter {1}',
    (w, x) => (w.includes(x) ? String(w.indexOf(x) + 1) : undefined),
    LETTER,
  ],
  [
    'letter-replaced',
    'replace the first letter by {1}',
    (w, x) => (w[0] === x ? undefined : x + w.slice(1)),
    { ...LETTER, argument: 'the given letter' },
  ],
  ['starts-with-vowel', 'say whether it starts with a vowel, yes or no', (w) => yesNo(/^[aeiou]/.test(w)), YES_NO],
  ['ends-with-vowel', 'say whether it ends with a vowel, yes or no', (w) => yesNo(/[aeiou]$/.test(w)), YES_NO],
  ['has-double-letter', 'say whether it has a double letter, yes or no', (w) => yesNo(/(.)\1/.test(w)), YES_NO],
  ['is-long', 'say whether it has more than six letters, yes or no', (w) => yesNo(w.length > 6), YES_NO],
  [
    'even-length',
    'say whether the number of letters is even or odd',
    (w) => (w.length % 2 === 0 ? 'even' : 'odd'),
    { labels: ['even', 'odd'] },
  ],
  [
    'half-of-alphabet',
    'say whether it starts in the first or second half of the alphabet',
    (w) => (code(w[0]) <= 13 ? 'first' : 'second'),
    { labels: ['first', 'second'] },
  ],
  ['letter-number', 'give the place of its first letter in the alphabet', (w) => String(code(w[0]))],
  ['letter-before-first', 'give the letter before its first letter in the alphabet', (w) => letterOf(code(w[0]) - 1)],
  [
    'letter-after-last',
    'give the letter that follows its last letter in the alphabet',
    (w) => letterOf(code(last(w)) + 1),
  ],
  ['article', 'write this word with a or an before it', (w) => `${/^[aeiou]/.test(w) ? 'an' : 'a'} ${w}`],
  ['quoted', 'write this word in quotation marks', (w) => `"${w}"`, { operation: 'marked' }],
  ['bracketed', 'write this word in brackets', (w) => `[${w}]`, { operation: 'marked' }],
  ['hashtag', 'write this word as a hashtag', (w) => `#${w}`, { operation: 'marked' }],
  ['exclaimed', 'write this word with an exclamation mark', (w) => `${capitalised(w)}!`],
  ['twice', 'write this word twice', (w) => `${w} ${w}`],
  ['first-letter-three-times', 'write the first letter three times', (w) => first(w).repeat(3)],
  ['with-length', 'write this word and the number of its letters', (w) => `${w} ${w.length}`],
  ['negated', 'write "not" before this word', (w) => `not ${w}`],
  [
    'initial-with-dot',
    'give the first letter as a capital with a dot',
    (w) => `${first(w).toUpperCase()}.`,
    { operation: 'first-letter-capital' },
  ],
];

const PAIRS = [
  ['longer', 'give the longer word', (a, b) => (a.length === b.length ? undefined : a.length > b.length ? a : b)],
  [
    'first-in-alphabet',
    'say which word is first in the alphabet',
    (a, b) => [a, b].sort()[0],
    { operation: 'alphabetically-first' },
  ],
  ['compound', 'write both words as one', (a, b) => a + b],
  ['swapped', 'swap the two words', (a, b) => `${b} ${a}`],
  [
    'same-length',
    'say whether both words have the same length, yes or no',
    (a, b) => yesNo(a.length === b.length),
    YES_NO,
  ],
  [
    'same-last-letter',
    'say whether both words end with the same letter, yes or no',
    (a, b) => yesNo(last(a) === last(b)),
    YES_NO,
  ],
  ['total-length', 'count the letters of both words together', (a, b) => String(a.length + b.length)],
  [
    'both-initials',
    'give the first letters of both words',
    (a, b) => first(a) + first(b),
    { operation: 'each+first-letter' },
  ],
];

/** @param context `sources` and `sides` */
function letterTasks({ sources, sides }) {
  const from = namesOf(sources, /^(capitalize|lowercase_first|next_capital|word_length)/);
  const all = distinct(inputsOf(sources, from).map((word) => word.toLowerCase())).filter((word) =>
    /^[a-z]{2,12}$/.test(word),
  );
  if (all.length === 0) return [];
  const pool = { train: [], test: [] };
  for (const word of all) pool[sides.of('letters', word)].push(word);
  const kind = { cluster: 'letters', family: 'letters', prefix: 'letters', label: 'Word', from };
  const single = OPERATIONS.map(([name, phrase, answer, { change, second, ...others } = {}]) => {
    const draw = (random, side) => {
      const word = pick(random, pool[side]);
      const shown = change === undefined ? word : change(word);
      return { input: second === undefined ? shown : `${shown}\t${second(random)}`, keys: [word] };
    };
    return makeTask({ ...kind, inputs: 'a word', draw }, { name, phrase, answer, ...others });
  });
  const drawPair = (random, side) => {
    const [a, b] = [pick(random, pool[side]), pick(random, pool[side])];
    return a === b ? undefined : { input: `${a} ${b}`, keys: [a, b] };
  };
  const pairs = PAIRS.map(([name, phrase, answer, others = {}]) =>
    makeTask(
      { ...kind, inputs: 'two words', label: 'Words', draw: drawPair },
      { name, phrase, answer: (input) => answer(...input.split(' ')), ...others },
    ),
  );
  return [...single, ...pairs];
}

module.exports = { letterTasks };
