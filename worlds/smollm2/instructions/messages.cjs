/** Tasks on real messages to an assistant: their domain, whether they have one intent, their words. */
const { namesOf } = require('./sources.cjs');
const { makeTask } = require('./task.cjs');
const { distinct, pick, yesNo } = require('./texts.cjs');

/** Domains of each task that asks for the domain, as many as there are. */
const DOMAIN_SETS = [
  ['banking', 'home', 'work'],
  ['credit_cards', 'auto_and_commute', 'utility'],
  ['small_talk', 'meta', 'banking', 'home'],
  ['work', 'utility', 'small_talk', 'auto_and_commute'],
];
/** Intents of several domains that a task asks for at once. */
const MIXED = 5;

const words = (message) => message.match(/[\p{L}\p{N}']+/gu) ?? [];
const longest = (list) => {
  const most = Math.max(...list.map((word) => word.length));
  const those = distinct(list.filter((word) => word.length === most));
  return those.length === 1 ? those[0] : undefined;
};

/** [name, phrase, answer of the words, options] */
const SENTENCES = [
  ['first-word', 'give the first word of this message', (w) => w[0]],
  ['second-word', 'give the second word of this message', (w) => w[1]],
  ['third-word', 'give the third word of this message', (w) => w[2]],
  ['last-word', 'give the last word of this message', (w) => w.at(-1), { operation: 'nth-from-end' }],
  ['last-two-words', 'give the last two words of this message', (w) => w.slice(-2).join(' ')],
  ['first-three-words', 'give the first three words of this message', (w) => w.slice(0, 3).join(' ')],
  ['longest-word', 'give the longest word of this message', longest],
  ['count-words', 'count the words of this message', (w) => String(w.length)],
  [
    'first-letters',
    'give the first letters of the first three words',
    (w) =>
      w
        .slice(0, 3)
        .map((one) => one[0])
        .join(' '),
  ],
  ['first-word-in-capitals', 'write the first word of this message in capitals', (w) => w[0]?.toUpperCase()],
  [
    'first-word-backwards',
    'swap the first two words of this message and give them',
    (w) => (w.length < 2 ? undefined : `${w[1]} ${w[0]}`),
  ],
  [
    'has-my',
    'say whether this message contains the word my, yes or no',
    (w) => yesNo(w.includes('my')),
    { labels: ['yes', 'no'] },
  ],
  [
    'is-short',
    'say whether this message has fewer than eight words, yes or no',
    (w) => yesNo(w.length < 8),
    { labels: ['yes', 'no'] },
  ],
];

/** @param context `sources` */
function messageTasks({ sources }) {
  const heldOut = (name) => sources.get(name).heldOut;
  const from = namesOf(sources, /^intent_/).filter((name) => !heldOut(name));
  const all = from.flatMap((name) => {
    const { rows } = sources.get(name);
    return [...rows.train, ...rows.test].map((row) => ({ ...row, domain: name.replace('intent_', '') }));
  });
  if (all.length === 0) return [];
  const domainOf = new Map(all.map(({ input, domain }) => [input, domain]));
  const intentOf = new Map(all.map(({ input, answer }) => [input, answer]));
  const rows = (some) => () => some.map(({ input, key }) => ({ input, keys: [key] }));
  const kind = { family: 'messages', prefix: 'message', inputs: 'a message to an assistant', label: 'Message', from };
  const intents = { ...kind, cluster: 'intent' };
  const title = (domain) => domain.replaceAll('_', ' ');
  const domains = distinct(all.map(({ domain }) => domain));
  const sets = DOMAIN_SETS.map((set) => set.filter((domain) => domains.includes(domain)))
    .filter((set) => set.length > 1)
    .map((set, at) =>
      makeTask(
        { ...intents, rows: rows(all.filter(({ domain }) => set.includes(domain))) },
        {
          name: `domain-${at + 1}`,
          operation: 'domain',
          phrase: `choose the domain (${set.map(title).join(', ')})`,
          answer: (message) => (set.includes(domainOf.get(message)) ? title(domainOf.get(message)) : undefined),
          labels: set.map(title),
        },
      ),
    );
  const half = (isIt) => {
    const groups = [all.filter(isIt), all.filter((row) => !isIt(row))].filter((rows) => rows.length > 0);
    return (random) => {
      const { input, key } = pick(random, pick(random, groups));
      return { input, keys: [key] };
    };
  };
  const about = domains.map((domain) =>
    makeTask(
      { ...intents, draw: half((row) => row.domain === domain) },
      {
        name: `about-${domain.replaceAll('_', '-')}`,
        phrase: `say whether this message is about ${title(domain)}, yes or no`,
        answer: (message) => (domainOf.has(message) ? yesNo(domainOf.get(message) === domain) : undefined),
        labels: ['yes', 'no'],
      },
    ),
  );
  const labels = distinct(all.map(({ answer }) => answer));
  const mixed = Array.from({ length: Math.min(MIXED, Math.floor(labels.length / 6)) }, (_, at) => {
    const some = Array.from({ length: 6 }, (_unused, place) => labels[(at + place * MIXED) % labels.length]);
    return makeTask(
      { ...intents, rows: rows(all.filter(({ answer }) => some.includes(answer))) },
      {
        name: `intent-of-six-${at + 1}`,
        operation: 'intent-of-six',
        phrase: `choose the intent (${some.join(', ')})`,
        answer: (message) => (some.includes(intentOf.get(message)) ? intentOf.get(message) : undefined),
      },
    );
  });
  const sentences = SENTENCES.map(([name, phrase, answer, others]) =>
    makeTask(
      { ...kind, cluster: 'sentences', rows: rows(all.filter(({ input }) => input.length <= 90)) },
      { name, phrase, answer: (message) => answer(words(message)), ...others },
    ),
  );
  return [...sets, ...about, ...mixed, ...sentences];
}

module.exports = { messageTasks };
