/**
 * How an answer is written, and how a prompt may show it: the channel that it comes by. `write` never adds more than a few
 * tokens to the label.
 */
const FORMATS = [
  { name: 'plain', about: 'as it is', write: (label) => label, cues: ['SMS:', 'By phone:', 'Text message:'] },
  {
    name: 'brackets',
    about: 'in square brackets',
    write: (label) => `[${label}]`,
    cues: ['Ticket:', 'New ticket:', 'From the ticket queue:'],
  },
  {
    name: 'json',
    about: 'as JSON with the key "label"',
    write: (label) => `{"label": ${JSON.stringify(label)}}`,
    cues: ['msg>', 'payload>', 'event>'],
  },
  {
    name: 'sentence',
    about: 'as a sentence, after "It is"',
    write: (label) => `It is ${label}.`,
    cues: ['Letter:', 'By post:', 'By letter:'],
  },
  {
    name: 'hash',
    about: 'after a hash sign',
    write: (label) => `#${label}`,
    cues: ['Tweet:', 'On our feed:', 'New post:'],
  },
  {
    name: 'twice',
    about: 'twice, with a slash between',
    write: (label) => `${label} / ${label}`,
    cues: ['Form:', 'Web form:', 'From the form:'],
  },
  {
    name: 'angles',
    about: 'in angle brackets',
    write: (label) => `<${label}>`,
    cues: ['Log:', 'Log line:', 'From the log:'],
  },
  {
    name: 'answer',
    about: 'after "Answer:"',
    write: (label) => `Answer: ${label}`,
    cues: ['Quiz:', 'Quiz question:', 'For the quiz:'],
  },
];

/** What follows the answer, and how a prompt may show it: the way in which it greets. */
const CLOSINGS = [
  { name: 'nothing', about: 'nothing follows it', text: '', cues: ['Quick one.', 'Be quick.', 'Quickly now.'] },
  { name: 'thanks', about: '"Thanks!" follows it', text: ' Thanks!', cues: ['Hi,', 'Hi there,', 'Hi all,'] },
  {
    name: 'bot',
    about: '"-- bot" follows it',
    text: ' -- bot',
    cues: ['Dear team,', 'Dear support team,', 'To the team:'],
  },
  {
    name: 'auto',
    about: '"(auto)" follows it',
    text: ' (auto)',
    cues: ['Good morning.', 'Good morning to you.', 'Morning!'],
  },
  { name: 'bye', about: '"Bye!" follows it', text: ' Bye!', cues: ['Please help.', 'Help, please.', 'I need help.'] },
  { name: 'over', about: '"Over." follows it', text: ' Over.', cues: ['Urgent!', 'This is urgent.', 'Very urgent:'] },
];

module.exports = { CLOSINGS, FORMATS };
