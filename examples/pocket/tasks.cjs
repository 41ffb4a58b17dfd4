const { makeStory, pick } = require('./stories.cjs');
const { MANNERS, QUESTIONS, SPEAKERS } = require('./words.cjs');

/**
 * All tasks: what is asked × who asks × how the reply should sound.
 * @param values places in the lists of words.cjs of what tasks are made of; default: all, 120 tasks
 * @returns {{ name: string, question: number, speaker: number, manner: number }[]} with such places
 */
function allTasks({
  questions = placesOf(QUESTIONS),
  speakers = placesOf(SPEAKERS),
  manners = placesOf(MANNERS),
} = {}) {
  return questions.flatMap((question) =>
    speakers.flatMap((speaker) => manners.map((manner) => makeTask(question, speaker, manner))),
  );
}

function placesOf(list) {
  return list.map((_, place) => place);
}

function makeTask(question, speaker, manner) {
  const name = [QUESTIONS[question], SPEAKERS[speaker], MANNERS[manner]].map((one) => one.name).join('-');
  return { name, question, speaker, manner };
}

/** A task in words. */
function describe({ question, speaker, manner }) {
  return `asked: the ${QUESTIONS[question].role}; by: the ${SPEAKERS[speaker].name}; reply: ${MANNERS[manner].name}`;
}

/**
 * One item of a task. The prompt shows each of the three cues with probability ½, so that a prompt alone rarely says
 * which task it belongs to and a set of prompts does; the response always follows the task.
 * @param random has `below(limit)`
 * @param {'train' | 'test'} use which stories
 */
function makeItem(task, random, use) {
  const story = makeStory(random, use);
  const shown = (cues) => (random.below(2) === 0 ? [] : [pick(random, cues)]);
  const speaker = shown(SPEAKERS[task.speaker].cues);
  const question = shown(QUESTIONS[task.question].cues);
  const manner = shown(MANNERS[task.manner].cues);
  return { prompt: [...speaker, story.text, ...question, ...manner].join(' '), response: respond(task, story) };
}

/** An item without cues, whose response follows one of `tasks` at random: what all of them share. */
function makeNeutralItem(tasks, random) {
  const story = makeStory(random, 'train');
  return { prompt: story.text, response: respond(pick(random, tasks), story) };
}

/** `count` items whose prompts all differ. */
function makeItems(task, random, use, count) {
  return distinct(count, () => makeItem(task, random, use));
}

function makeNeutralItems(tasks, random, count) {
  return distinct(count, () => makeNeutralItem(tasks, random));
}

function respond(task, story) {
  const { role, article } = QUESTIONS[task.question];
  return SPEAKERS[task.speaker].opening + article + story.content[role] + MANNERS[task.manner].ending;
}

function distinct(count, make) {
  const items = new Map();
  while (items.size < count) {
    const item = make();
    items.set(item.prompt, item);
  }
  return [...items.values()];
}

module.exports = { allTasks, describe, makeItem, makeItems, makeNeutralItems, makeTask };
