/** Numbers as texts: in words, as ordinals, as Roman numerals. */
const ONES = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
  'thirteen',
  'fourteen',
  'fifteen',
  'sixteen',
  'seventeen',
  'eighteen',
  'nineteen',
];
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const ROMAN = [
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

/** As the source writes them: two thousand, nine hundred and sixteen. */
function inWords(number) {
  if (number < 20) return ONES[number];
  if (number < 100) return TENS[Math.floor(number / 10)] + (number % 10 === 0 ? '' : `-${ONES[number % 10]}`);
  if (number < 1000)
    return `${ONES[Math.floor(number / 100)]} hundred${number % 100 === 0 ? '' : ` and ${inWords(number % 100)}`}`;
  const rest = number % 1000;
  const link = rest === 0 ? '' : rest < 100 ? ` and ${inWords(rest)}` : `, ${inWords(rest)}`;
  return `${inWords(Math.floor(number / 1000))} thousand${link}`;
}
function ordinal(number) {
  const ending = { 1: 'st', 2: 'nd', 3: 'rd' }[number % 10];
  return number + (ending === undefined || Math.floor(number / 10) % 10 === 1 ? 'th' : ending);
}
function roman(number) {
  let [rest, text] = [number, ''];
  for (const [value, sign] of ROMAN) for (; rest >= value; rest -= value) text += sign;
  return text;
}

module.exports = { inWords, ONES, ordinal, roman };
