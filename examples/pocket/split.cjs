const { allTasks } = require('./tasks.cjs');
const { MANNERS, QUESTIONS, SPEAKERS } = require('./words.cjs');

/**
 * Divides the tasks into those to train on and a quarter held out, 30 of 120, by a Latin square: every question, speaker
 * and manner, and every pair of them, is trained on; the combination of the three of a held-out task is not.
 * @param random decides which square; as SplitMix64, with `sample(limit, count)`
 * @param values as of `allTasks`
 */
function splitTasks(random, values) {
  const questions = random.sample(QUESTIONS.length, QUESTIONS.length);
  const speakers = random.sample(SPEAKERS.length, SPEAKERS.length);
  const isHeldOut = ({ question, speaker, manner }) =>
    (questions[question] + speakers[speaker] + manner) % MANNERS.length === MANNERS.length - 1;
  const tasks = allTasks(values);
  return { train: tasks.filter((task) => !isHeldOut(task)), heldOut: tasks.filter(isHeldOut) };
}

module.exports = { splitTasks };
