const { fill, makeStory, pick } = require('./stories.cjs');
const { MANNERS, QUESTIONS, ROLES, SPEAKERS } = require('./words.cjs');

/**
 * What the base model learns: to tell stories, to hold little conversations, and to answer questions about a story with
 * its word, in a plain style that no task has. Words of the tasks' openings, endings and cues occur, but never as a
 * reply to a story.
 */

const SMALL_TALK = [
  ['How are you?', ['I am well, thank you.', 'I think I am well.', 'Very well, dear {name}.']],
  ['Is the {place} near?', ['Yes, of course.', 'I think so.', 'No, it is not near.']],
  ['Please come to the {place}.', ['Yes, how nice!', 'I am here.', 'Well, of course.']],
  ['Have you a {colour} {thing}?', ['Yes, I have.', 'No, I have a {thing}.', 'I think so, my dear.']],
  ['Good day, {name}.', ['Good day to you.', 'How nice, you are here!', 'Thank you, and good day.']],
  ['Who asks?', ['The {speaker} asks.', 'It is the old {speaker}.', 'The {speaker} is here.']],
];

const SCENES = [
  'The {speaker} had a {animal}. My {animal} is old, said {name}.',
  'The {speaker} asks for a {thing}. Thank you, dear {name}, said the {speaker}.',
  'The {speaker} is here. How nice, said {name}. I think the {speaker} is kind.',
  'Please be kind to the {animal}, said the {speaker}. Of course, said {name}.',
  'Be careful, said the {speaker}. The {animal} is slow and brave.',
  'The good {speaker} was merry and glad. Be proud of the {colour} {thing}, said {name}.',
  '{name} was polite. Yes, my {speaker}, said {name}. The {animal} was slow.',
  'Well, said the old {speaker}, the {place} is near. How nice!',
];

/** The plain style: any opening, any middle and any ending around the answer. */
const PLAIN = {
  openings: ['', '', 'Look, ', 'Oh, ', 'My friend, ', 'Dear friend, ', 'Hello, ', 'Here, '],
  middles: ['it was ', 'it is ', 'I see ', '', ''],
  endings: ['.', '.', '!', ', friend.', ', yes.', ', I see.', ' here.'],
};

/**
 * One text of the corpus: a plain text, or the turns of a conversation.
 * @param random has `below(limit)` and `sample(limit, count)`, as SplitMix64
 * @param {number[]} questions places of those that are asked
 * @returns {{ text: string } | { turns: { prompt: string, response: string }[] }}
 */
function makeText(random, questions = QUESTIONS.map((_, place) => place)) {
  const kind = random.below(20);
  if (kind < 2) return { text: tell(random) };
  if (kind < 4) return { turns: [talk(random)] };
  return { turns: ask(random, questions) };
}

function tell(random) {
  const scene = () => fill(pick(random, SCENES), sceneWords(random));
  const story = makeStory(random, 'train').text;
  return random.below(2) === 0 ? `${scene()} ${story}` : `${story} ${scene()}`;
}

function talk(random) {
  const [prompt, responses] = pick(random, SMALL_TALK);
  const words = sceneWords(random);
  return { prompt: fill(prompt, words), response: fill(pick(random, responses), words) };
}

/**
 * A story, then every question about it. The first may be missing: any of the story's words answers it. Whoever asks, and
 * however the reply should sound, it is plain.
 */
function ask(random, questions) {
  const story = makeStory(random, 'train');
  const sometimes = (cues) => (random.below(2) === 0 ? [] : [pick(random, cues)]);
  return random.sample(questions.length, questions.length).map((drawn, turn) => {
    const { role, article, cues } = QUESTIONS[questions[drawn]];
    const before = turn > 0 ? [] : [...sometimes(pick(random, SPEAKERS).cues), story.text];
    const question = turn > 0 || random.below(4) > 0 ? [pick(random, cues)] : [];
    const prompt = [...before, ...question, ...sometimes(pick(random, MANNERS).cues)].join(' ');
    return { prompt, response: plainReply(random, article + story.content[role]) };
  });
}

function plainReply(random, answer) {
  if (random.below(3) > 0) return `It was ${answer}.`;
  const opening = pick(random, PLAIN.openings);
  const middle = pick(random, PLAIN.middles);
  return opening + (opening === '' ? capitalised(middle) : middle) + answer + pick(random, PLAIN.endings);
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sceneWords(random) {
  const words = { speaker: pick(random, SPEAKERS).name };
  for (const [role, list] of Object.entries(ROLES)) words[role] = pick(random, list);
  return words;
}

module.exports = { makeText, PLAIN, SCENES, SMALL_TALK };
