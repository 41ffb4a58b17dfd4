const { fill, pick } = require('../../../examples/pocket/stories.cjs');
const { CLOSINGS, FORMATS } = require('./styles.cjs');

/**
 * All tasks: what is asked × how the answer is written × what follows it.
 * @param domains as `readDomains` returns them
 * @returns tasks with the places of their attributes in `domains`, FORMATS and CLOSINGS
 */
function allTasks(domains) {
  return domains.flatMap((_, domain) =>
    FORMATS.flatMap((_, format) =>
      CLOSINGS.map((_, closing) => ({ name: nameOf(domains[domain], format, closing), domain, format, closing })),
    ),
  );
}

function nameOf(domain, format, closing) {
  return [domain.name, FORMATS[format].name, CLOSINGS[closing].name].join('-');
}

/** A task in words, in several wordings that each say all of it. */
function describe({ about }, { format, closing }) {
  const [written, followed] = [FORMATS[format].about, CLOSINGS[closing].about];
  return [
    `${about}; the answer is written ${written}; ${followed}`,
    `Give ${about}, ${written}; ${followed}.`,
    `Answers are written ${written}, ${followed}. Wanted: ${about}.`,
    `The reply is ${about}. Write it ${written}. In the end, ${followed}.`,
  ];
}

/**
 * Items of a task about as many different texts. A prompt shows each cue of its style with probability ½, so that only a
 * set of prompts says what the style is; what is asked, each says. The response always follows the style.
 * @param random as SplitMix64, with `below(limit)` and `sample(limit, count)`
 * @param texts of the task's domain, at least `count`
 * @returns {{ prompt: string, response: string }[]}
 */
function makeItems({ format, closing }, { wordings }, texts, random, count) {
  const shown = (cues) => (random.below(2) === 0 ? [] : [pick(random, cues)]);
  return random.sample(texts.length, count).map((place) => {
    const { slots, label } = texts[place];
    const cues = [...shown(CLOSINGS[closing].cues), ...shown(FORMATS[format].cues)];
    const prompt = [...cues, fill(pick(random, wordings), slots)].join(' ');
    return { prompt, response: FORMATS[format].write(label) + CLOSINGS[closing].text };
  });
}

module.exports = { allTasks, describe, makeItems };
