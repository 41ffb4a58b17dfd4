/** Values from outside: are they what they should be, and how does an error say that they are not? */
export { Fields } from './fields.js';
export { checkFormatVersion } from './format-version.js';
export { type ErrorParts, errorMessage } from './message.js';
export { editDistance, nearest } from './nearest.js';
export { quote, quoteValue } from './quote.js';
export { invalidValue, isObject, isText, isWholeNumber, wholeNumberRange } from './values.js';
