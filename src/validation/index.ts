/** Validation of external values, and the form of its errors. */
export { Fields } from './fields.js';
export { checkFormatVersion } from './format-version.js';
export { type ErrorParts, errorMessage } from './message.js';
export { editDistance, nearest } from './nearest.js';
export { checkOptions, checkWholeNumber } from './options.js';
export { checkFolderName, checkPath } from './path.js';
export { quote, quoteValue } from './quote.js';
export { invalidValue, isObject, isText, isWholeNumber, wholeNumberRange } from './values.js';
