/** The source tasks on opinions and questions; see source-tasks.cjs. */
const textTask = (family, operation, about, ...wordings) => ({ family, operation, about, wordings });
const reviewTask = () =>
  textTask(
    'reviews',
    'sentiment',
    'say whether a review is positive or negative',
    'Is this review positive or negative? {}',
    'Label as positive or negative: {}',
    '{}\nSentiment, positive or negative:',
  );
const stanceTask = (operation, topic) =>
  textTask(
    'tweets',
    operation,
    `say whether a tweet is in favor of ${topic}, against it, or neither: favor, against or none`,
    `Stance of this tweet on ${topic}: favor, against or none? {}`,
    `{}\nStance on ${topic} (favor, against, none):`,
    `Is the author in favor of ${topic}, against it, or none of both? {}`,
  );
const OPINIONS = {
  MR: reviewTask(),
  CR: reviewTask(),
  sst: reviewTask(),
  Subj: textTask(
    'reviews',
    'subjective',
    'say whether a sentence is subjective or objective',
    'Is this subjective or objective? {}',
    'Label as subjective or objective: {}',
    '{}\nsubjective or objective:',
  ),
  stance_feminist: stanceTask('stance-feminism', 'feminism'),
  stance_atheism: stanceTask('stance-atheism', 'atheism'),
  stance_abortion: stanceTask('stance-abortion', 'legal abortion'),
  tweet_irony: textTask(
    'tweets',
    'irony',
    'say whether a tweet is ironic: irony or non irony',
    'Is this tweet ironic? Answer irony or non_irony: {}',
    '{}\nirony or non_irony:',
    'irony or non_irony? {}',
  ),
  tweet_sentiment: textTask(
    'tweets',
    'tweet-sentiment',
    'say whether a tweet is negative, neutral or positive',
    'Sentiment of this tweet, negative, neutral or positive: {}',
    '{}\nnegative, neutral or positive:',
    'Is the mood of this tweet negative, neutral or positive? {}',
  ),
  tweet_emotion: textTask(
    'tweets',
    'emotion',
    'name the emotion of a tweet: anger, joy, optimism or sadness',
    'Emotion of this tweet, anger, joy, optimism or sadness: {}',
    '{}\nanger, joy, optimism or sadness:',
    'Which emotion does this tweet show: anger, joy, optimism or sadness? {}',
  ),
  TREC: textTask(
    'questions',
    'question-type',
    'name the type of answer that a question wants: abbreviation, entity, description, person, location or number',
    'What type of answer does this question want? {}',
    '{}\nType of the answer:',
    'Name the type of the answer: {}',
  ),
  BoolQ: textTask(
    'questions',
    'true-false',
    'answer a question with True or False',
    'Answer True or False: {}',
    '{} True or False?',
    'Is it true? Answer True or False. {}',
  ),
};

module.exports = { OPINIONS };
