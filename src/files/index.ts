export { isFileError, readError, writeError } from './errors.js';
export { parseJsonText } from './json.js';
export { partialName, syncFolder } from './parents.js';
export { decodeUtf8, readJson, readText } from './read.js';
export { writeFileAtomically, writeFully } from './write-file.js';
export { checkFolderOutput, type FolderOptions, writeFolderAtomically } from './write-folder.js';
