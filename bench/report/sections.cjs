/** The tables of each part of the results, in the order in which they are shown. */
const CONFIGURATION_TABLES = {
  convolutions: require('./convolutions.cjs').tables,
  decoder: require('./decoder.cjs').tables,
  writing: require('./writing.cjs').tables,
};
const SINGLE_TABLES = {
  encoder: require('./encoder.cjs').tables,
  eventLoop: require('./event-loop.cjs').tables,
  training: require('./training.cjs').tables,
  language: require('./language.cjs').tables,
  behaviour: require('./behaviour.cjs').tables,
};

module.exports = { CONFIGURATION_TABLES, SINGLE_TABLES };
