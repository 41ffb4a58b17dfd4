const { DndError } = require('../../../dist/errors.js');
const { normalised } = require('./texts.cjs');

/** A held-out task's answers differ from those of a training task on at least this share of the inputs that both answer. */
const LEAST_DIFFERENT = 0.5;
/** Fewer shared inputs, of all of the held-out task's, say nothing. */
const LEAST_SHARED = 0.2;

/**
 * What every world of instruction tasks must keep.
 * @param tasks with `train` and `test` of `{ item, input, keys }`
 * @param limits least numbers: `tasks`, `heldOut` (beside the source's), `development`, and of items `train` and `test`
 * @throws DndError INVALID_PROMPTS that names the task and the rule
 */
function checkWorld(tasks, limits) {
  const names = new Set(tasks.map(({ name }) => name.toLowerCase()));
  if (names.size < tasks.length) throw new DndError('INVALID_PROMPTS', 'two tasks have the same name');
  const ours = tasks.filter(({ heldOut, isSource }) => heldOut && !isSource);
  atLeast('tasks', tasks.length, limits.tasks);
  atLeast('held-out tasks beside the source’s', ours.length, limits.heldOut);
  atLeast('tasks for development', tasks.filter(({ development }) => development).length, limits.development);
  for (const task of tasks) checkItems(task, limits);
  checkSides(tasks);
  checkHeldOut(tasks);
  checkPrompts(tasks);
}

function atLeast(what, got, expected) {
  if (got < expected)
    throw new DndError(
      'INVALID_PROMPTS',
      `too few ${what}; expected at least ${expected}, got ${got}. Is a source task missing?`,
    );
}

function checkItems({ name, train, test, wordings, descriptions }, limits) {
  atLeast(`training items of ${name}`, train.length, limits.train);
  atLeast(`test items of ${name}`, test.length, limits.test);
  atLeast(`wordings of ${name}`, new Set(wordings).size, 3);
  atLeast(`descriptions of ${name}`, new Set(descriptions).size, 2);
  const prompts = [...train, ...test].map(({ item }) => item.prompt);
  if (new Set(prompts).size < prompts.length) throw new DndError('INVALID_PROMPTS', `${name}: a prompt repeats`);
  atLeast(`different responses of ${name}`, new Set(train.map(({ item }) => item.response)).size, 2);
}

/** No test input of a task is a training input of any task of its family. */
function checkSides(tasks) {
  const trained = new Map();
  for (const { name, family, train } of tasks)
    for (const { keys } of train) for (const key of keys) trained.set(`${family}\n${key}`, name);
  for (const { name, family, test } of tasks) {
    for (const { keys } of test) {
      const leak = keys.find((key) => trained.has(`${family}\n${key}`));
      if (leak !== undefined)
        throw new DndError(
          'INVALID_PROMPTS',
          `${name}: the test input ${JSON.stringify(leak)} is a training input of ${trained.get(`${family}\n${leak}`)}`,
        );
    }
  }
}

/** The steps of an operation; 'nth+capital' has two. */
const stepsOf = ({ operation }) => operation.split('+');

/**
 * A held-out task is no variant of another task: none has its operation, and where it is a single step, that step is in
 * none; and on inputs that both answer, at least half of the answers differ in more than case and punctuation. What the
 * source holds out keeps the first half of the rule: the last letter in lower case is held out beside that as a capital.
 * A task for development keeps the first half towards the training tasks.
 */
function checkHeldOut(tasks) {
  const others = tasks.filter(({ heldOut }) => !heldOut);
  const operations = new Map();
  for (const held of tasks.filter(({ heldOut }) => heldOut)) {
    if (held.development)
      throw new DndError('INVALID_PROMPTS', `${held.name} is held out and for development; expected one of both`);
    const twin = held.isSource ? undefined : operations.get(held.operation);
    if (twin !== undefined)
      throw new DndError(
        'INVALID_PROMPTS',
        `${held.name} and ${twin}, both held out, have the same operation ${held.operation}; leave one out`,
      );
    operations.set(held.operation, held.name);
    for (const task of others) {
      checkOperations(held, task, 'held out');
      if (!held.isSource) checkAnswers(held, task);
    }
  }
  const trained = others.filter(({ development }) => !development);
  for (const one of others.filter(({ development }) => development))
    for (const task of trained) checkOperations(one, task, 'for development');
}

/** @param {string} kept what `one` is, in words */
function checkOperations(one, task, kept) {
  const isStep = stepsOf(one).length === 1 && stepsOf(task).includes(one.operation);
  if (!isStep && task.operation !== one.operation) return;
  throw new DndError(
    'INVALID_PROMPTS',
    `${one.name} is ${kept}, but ${task.name} is ${task.development ? 'for development' : 'trained on'} with its operation ${one.operation}; hold it out or leave it out`,
  );
}

function checkAnswers(held, task) {
  const { shared, different } = compareAnswers(held, task);
  const enough = LEAST_SHARED * (held.train.length + held.test.length);
  if (shared >= enough && different < LEAST_DIFFERENT * shared)
    throw new DndError(
      'INVALID_PROMPTS',
      `${held.name} is held out, but answers as ${task.name} to ${shared - different} of ${shared} inputs that both answer; expected at most half`,
    );
}

/** On how many inputs of a held-out task a task on such inputs has an answer too, and on how many another answer. */
function compareAnswers(held, task) {
  let [shared, different] = [0, 0];
  if (held.family !== task.family || held.inputs !== task.inputs) return { shared, different };
  for (const { input, item } of [...held.train, ...held.test]) {
    const answer = task.answer(input);
    if (answer === undefined) continue;
    shared++;
    if (normalised(answer) !== normalised(item.response)) different++;
  }
  return { shared, different };
}

/** A prompt has one response in the whole world. */
function checkPrompts(tasks) {
  const known = new Map();
  for (const { name, train, test } of tasks) {
    for (const { item } of [...train, ...test]) {
      const other = known.get(item.prompt);
      if (other !== undefined && other.response !== item.response)
        throw new DndError(
          'INVALID_PROMPTS',
          `${name} and ${other.name} answer ${JSON.stringify(item.prompt)} differently: ${JSON.stringify(item.response)} and ${JSON.stringify(other.response)}`,
        );
      known.set(item.prompt, { name, response: item.response });
    }
  }
}

module.exports = { checkWorld, compareAnswers };
