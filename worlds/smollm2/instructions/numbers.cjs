/** Tasks on numbers: one, two, or a list of them. Nothing of the sources but their test inputs is needed. */
const { numbersKey } = require('./keys.cjs');
const { inWords, ONES, ordinal, roman } = require('./number-texts.cjs');
const { makeTask } = require('./task.cjs');
const { pickSome, yesNo } = require('./texts.cjs');

const YES_NO = { labels: ['yes', 'no'] };
const digits = (n) => [...String(n)];
const sum = (list) => list.reduce((a, b) => a + b, 0);
const span = (low, high) => (random) => low + random.below(high - low + 1);

/** Of one number: [name, range, phrase, answer, options]. */
const ONE = [
  ['successor', [1, 999], 'give the next number', (n) => n + 1],
  ['predecessor', [2, 999], 'give the number before', (n) => n - 1],
  ['double', [2, 200], 'double the number', (n) => 2 * n],
  ['half', [2, 400], 'give half of the number', (n) => (n % 2 === 0 ? n / 2 : undefined)],
  ['plus-ten', [1, 400], 'add ten to the number', (n) => n + 10],
  ['plus-hundred', [1, 899], 'add one hundred to the number', (n) => n + 100],
  ['times-ten', [2, 500], 'multiply the number by ten', (n) => n * 10],
  ['times-three', [2, 160], 'multiply the number by three', (n) => n * 3],
  [
    'parity',
    [1, 999],
    'say whether the number is even or odd',
    (n) => (n % 2 === 0 ? 'even' : 'odd'),
    { labels: ['even', 'odd'] },
  ],
  [
    'divisible-by-five',
    [1, 999],
    'say whether the number can be divided by five, yes or no',
    (n) => yesNo(n % 5 === 0),
    YES_NO,
  ],
  ['above-hundred', [1, 200], 'say whether the number is greater than 100, yes or no', (n) => yesNo(n > 100), YES_NO],
  [
    'count-digits',
    [1, 9999],
    'count the digits of the number',
    (n) => digits(n).length,
    { change: (random) => random.below(10 ** (1 + random.below(6))) },
  ],
  ['last-digit', [10, 9999], 'give the last digit', (n) => digits(n).at(-1)],
  ['first-digit', [10, 9999], 'give the first digit', (n) => digits(n)[0]],
  [
    'digits-reversed',
    [10, 9999],
    'write the digits backwards',
    (n) => (n % 10 === 0 ? undefined : digits(n).reverse().join('')),
  ],
  ['digit-sum', [10, 999], 'add the digits of the number', (n) => sum(digits(n).map(Number))],
  ['largest-digit', [100, 9999], 'give the largest digit', (n) => Math.max(...digits(n).map(Number))],
  ['digits-apart', [10, 9999], 'write the digits with spaces', (n) => digits(n).join(' ')],
  [
    'digits-in-words',
    [10, 999],
    'write each digit in words',
    (n) =>
      digits(n)
        .map((one) => ONES[one])
        .join(' '),
  ],
  ['nearest-ten', [11, 989], 'round the number to tens', (n) => (n % 10 === 5 ? undefined : Math.round(n / 10) * 10)],
  [
    'nearest-hundred',
    [101, 8989],
    'round the number to hundreds',
    (n) => (n % 100 === 50 ? undefined : Math.round(n / 100) * 100),
  ],
  ['ordinal', [1, 400], 'write the number as an ordinal with digits', ordinal],
  [
    'with-comma',
    [1000, 99999],
    'write the number with a comma for thousands',
    (n) => String(n).replace(/(\d{3})$/, ',$1'),
  ],
  ['dollars', [1, 999], 'write the number as a price in dollars with cents', (n) => `$${n}.00`],
  ['percent', [1, 999], 'write the number with a percent sign', (n) => `${n}%`],
  ['four-digits', [1, 999], 'write the number with four digits, zeros first', (n) => String(n).padStart(4, '0')],
  ['roman', [1, 89], 'write the number as a Roman numeral', roman],
  ['hours-in-minutes', [2, 160], 'say how many minutes so many hours are', (n) => n * 60],
  ['tens-digit', [100, 9999], 'give the tens digit', (n) => digits(n).at(-2)],
  [
    'words-of-double',
    [5, 200],
    'double the number and write it in words',
    (n) => inWords(2 * n),
    { operation: 'double+number-words' },
  ],
  [
    'words-of-next',
    [1, 500],
    'write the next number in words',
    (n) => inWords(n + 1),
    { operation: 'successor+number-words' },
  ],
  [
    'words-in-capitals',
    [1, 99],
    'write the number in words, in capitals',
    (n) => inWords(n).toUpperCase(),
    { operation: 'number-words+upper' },
  ],
];

/** Of two numbers. */
const TWO = [
  ['larger', 'give the larger number', (a, b) => Math.max(a, b)],
  ['smaller', 'give the smaller number', (a, b) => Math.min(a, b)],
  ['product', 'multiply the two numbers', (a, b) => a * b, { range: [2, 20] }],
  ['mean', 'give the mean of the two numbers', (a, b) => ((a + b) % 2 === 0 ? (a + b) / 2 : undefined)],
  ['comparison', 'compare the two numbers with <, > or =', (a, b) => (a < b ? '<' : a > b ? '>' : '=')],
  ['first-is-larger', 'say whether the first number is larger, yes or no', (a, b) => yesNo(a > b), YES_NO],
  ['swapped', 'swap the two numbers', (a, b) => `${b} ${a}`],
  ['as-one', 'write the two numbers as one', (a, b) => `${a}${b}`],
  ['with-operator', 'write the two numbers with a plus sign', (a, b) => `${a} + ${b}`],
  [
    'sum-in-words',
    'add the two numbers and write the sum in words',
    (a, b) => inWords(a + b),
    { operation: 'sum+number-words' },
  ],
  [
    'sum-doubled',
    'add the two numbers and double the sum',
    (a, b) => 2 * (a + b),
    { operation: 'sum+double', range: [1, 50] },
  ],
  [
    'sum-parity',
    'say whether the sum of the two numbers is even or odd',
    (a, b) => ((a + b) % 2 === 0 ? 'even' : 'odd'),
    { operation: 'sum+parity', labels: ['even', 'odd'] },
  ],
  [
    'larger-in-words',
    'write the larger number in words',
    (a, b) => inWords(Math.max(a, b)),
    { operation: 'larger+number-words' },
  ],
];

/** Of a list of numbers: [name, phrase, answer, options]. */
const MANY = [
  ['largest', 'give the largest number', (l) => Math.max(...l)],
  ['smallest', 'give the smallest number', (l) => Math.min(...l)],
  ['sum-of-three', 'add the three numbers', sum, { operation: 'sum', size: 3 }],
  ['sorted', 'sort the numbers from small to large', (l) => [...l].sort((a, b) => a - b).join(', '), { size: 3 }],
  ['sorted-down', 'sort the numbers from large to small', (l) => [...l].sort((a, b) => b - a).join(', '), { size: 3 }],
  ['count-even', 'count the even numbers', (l) => l.filter((n) => n % 2 === 0).length],
  [
    'only-even',
    'give the only even number',
    (l) => (l.filter((n) => n % 2 === 0).length === 1 ? l.find((n) => n % 2 === 0) : undefined),
  ],
  ['range', 'subtract the smallest number from the largest', (l) => Math.max(...l) - Math.min(...l), { size: 3 }],
  ['all-below-fifty', 'say whether all numbers are below 50, yes or no', (l) => yesNo(l.every((n) => n < 50)), YES_NO],
  [
    'progression-next',
    'give the number that continues the series',
    (l) => (isProgression(l) ? 2 * l.at(-1) - l.at(-2) : undefined),
    { series: true },
  ],
  [
    'progression-step',
    'give the step of the series',
    (l) => (isProgression(l) ? l[1] - l[0] : undefined),
    { series: true },
  ],
  [
    'progression-before',
    'give the number that comes before the series',
    (l) => (isProgression(l) && l[0] > l[1] - l[0] ? 2 * l[0] - l[1] : undefined),
    { series: true },
  ],
  [
    'is-progression',
    'say whether the steps between the numbers are equal, yes or no',
    (l) => yesNo(isProgression(l)),
    { ...YES_NO, series: 'maybe' },
  ],
];

function isProgression(list) {
  return list.every((number, at) => at < 2 || number - list[at - 1] === list[1] - list[0]);
}

function series(random) {
  const [start, step] = [1 + random.below(60), 1 + random.below(12)];
  return [0, 1, 2, 3].map((at) => start + at * step);
}

function numberTasks({ sources }) {
  const kind = { cluster: 'numbers', family: 'numbers', prefix: 'number', from: [] };
  const text = (answer) => (answer === undefined ? undefined : String(answer));
  const withKey = (input) => ({ input, keys: [numbersKey(input)] });
  const ones = ONE.map(([name, [low, high], phrase, answer, { change, ...others } = {}]) => {
    const draw = (random) => withKey(String((change ?? span(low, high))(random)));
    return makeTask(
      { ...kind, inputs: 'a number', label: 'Number', draw },
      { name, phrase, answer: (n) => (/^\d+$/.test(n) ? text(answer(Number(n))) : undefined), ...others },
    );
  });
  const twos = TWO.map(([name, phrase, answer, { range = [1, 99], ...others } = {}]) => {
    const draw = (random) => withKey(`${span(...range)(random)} ${span(...range)(random)}`);
    return makeTask(
      { ...kind, inputs: 'two numbers', label: 'Numbers', draw },
      {
        name,
        phrase,
        answer: (two) => (/^\d+ \d+$/.test(two) ? text(answer(...two.split(' ').map(Number))) : undefined),
        ...others,
      },
    );
  });
  const many = MANY.map(([name, phrase, answer, { size = 4, series: kindOfList, ...others } = {}]) => {
    const list = (random) =>
      kindOfList === true || (kindOfList && random.below(2) === 0)
        ? series(random)
        : pickSome(
            random,
            Array.from({ length: 99 }, (_, at) => at + 1),
            size,
          );
    const draw = (random) => withKey(list(random).join(', '));
    return makeTask(
      { ...kind, inputs: 'a list of numbers', label: 'Numbers', draw },
      {
        name,
        phrase,
        answer: (l) => (/^\d+(, \d+)+$/.test(l) ? text(answer(l.split(', ').map(Number))) : undefined),
        ...others,
      },
    );
  });
  return sources.size === 0 ? [] : [...ones, ...twos, ...many, ...wordTasks(kind)];
}

/** Numbers that are given in words. */
function wordTasks(kind) {
  const numberOf = new Map(Array.from({ length: 1000 }, (_, number) => [inWords(number), number]));
  const draw = (random) => {
    const number = random.below(random.below(2) === 0 ? 100 : 1000);
    return { input: inWords(number), keys: [String(number)] };
  };
  const given = { ...kind, inputs: 'a number in words', label: 'Number', draw };
  const of = (answer) => (words) => (numberOf.has(words) ? answer(numberOf.get(words)) : undefined);
  return [
    makeTask(given, { name: 'words-to-digits', phrase: 'write the number with digits', answer: of(String) }),
    makeTask(given, {
      name: 'words-parity',
      operation: 'words-to-digits+parity',
      phrase: 'say whether the number in words is even or odd',
      answer: of((n) => (n % 2 === 0 ? 'even' : 'odd')),
      labels: ['even', 'odd'],
    }),
    makeTask(given, {
      name: 'words-successor',
      operation: 'words-to-digits+successor',
      phrase: 'give the number after this one, with digits',
      answer: of((n) => String(n + 1)),
    }),
  ];
}

module.exports = { numberTasks };
