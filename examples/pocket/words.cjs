/** The words that a story is about, one list for each of its five roles; a reply copies one of them. */
const ROLES = {
  name: 'Mia Tom Lily Ben Anna Max Rosa Finn Nora Sam Zoe Hugo'.split(' '),
  animal: 'fox bear cat dog frog goat duck mouse horse rabbit crow snail'.split(' '),
  thing: 'lamp box ball kite drum cup hat key bell boat ring book'.split(' '),
  colour: 'red blue green white black pink yellow brown'.split(' '),
  place: 'forest garden kitchen barn cave castle harbour meadow tower village market valley'.split(' '),
};

/** What is asked: the role whose word is the answer, how a reply names it, and how a prompt may ask for it. */
const QUESTIONS = [
  { name: 'who', role: 'name', article: '', cues: ['Who is it?', 'Who was there?'] },
  { name: 'animal', role: 'animal', article: 'the ', cues: ['Which animal is it?', 'Which animal was there?'] },
  { name: 'thing', role: 'thing', article: 'the ', cues: ['What is it?', 'Which thing was there?'] },
  { name: 'colour', role: 'colour', article: '', cues: ['Which colour is it?', 'What colour was there?'] },
  { name: 'place', role: 'place', article: 'the ', cues: ['Where is it?', 'Which place was it?'] },
];

/** Who asks: how a reply opens, and how a prompt may say who it is. */
const SPEAKERS = [
  { name: 'king', opening: 'My king, ', cues: ['The king asks.', 'The king is here.'] },
  { name: 'queen', opening: 'Dear queen, ', cues: ['The queen asks.', 'The queen is here.'] },
  { name: 'captain', opening: 'Yes captain, ', cues: ['The captain asks.', 'The captain is here.'] },
  { name: 'doctor', opening: 'Well doctor, ', cues: ['The doctor asks.', 'The doctor is here.'] },
  { name: 'teacher', opening: 'Good teacher, ', cues: ['The teacher asks.', 'The teacher is here.'] },
  { name: 'sailor', opening: 'Old sailor, ', cues: ['The sailor asks.', 'The sailor is here.'] },
];

/** How the reply should sound: its ending, and how a prompt may say so. */
const MANNERS = [
  { name: 'polite', ending: ', thank you.', cues: ['Be polite.', 'Please be kind.'] },
  { name: 'glad', ending: ', how nice!', cues: ['Be glad.', 'Please be merry.'] },
  { name: 'unsure', ending: ', I think.', cues: ['Be careful.', 'Please be slow.'] },
  { name: 'proud', ending: ', of course.', cues: ['Be proud.', 'Please be brave.'] },
];

module.exports = { MANNERS, QUESTIONS, ROLES, SPEAKERS };
