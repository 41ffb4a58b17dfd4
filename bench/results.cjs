const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { dirname } = require('node:path');

const KIND = 'dnd-lora benchmark';
/** Of the JSON's layout: raised whenever figures move or change their meaning. */
const VERSION = 2;

/** A file that cannot be used, told in a sentence; no stack is wanted. */
class ResultsError extends Error {}

/** The results of a run of this version's benchmark. Throws ResultsError. */
async function readResults(path) {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new ResultsError(`${path} cannot be read: ${why}`);
  }
  let results;
  try {
    results = JSON.parse(text);
  } catch (error) {
    throw new ResultsError(`${path} is not JSON: ${error.message}`);
  }
  const version = results?.version;
  const ours = results?.kind === KIND || (version === 1 && results.machine !== undefined); // version 1 had no kind
  if (!ours) throw new ResultsError(`${path} is JSON, but not the results of npm run bench`);
  if (version !== VERSION) {
    throw new ResultsError(
      `${path} has results of layout ${version}, and this benchmark reads layout ${VERSION}: ` +
        'use the benchmark of the version that wrote it, or measure anew',
    );
  }
  return results;
}

async function writeText(path, text) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const writeResults = (path, results) => writeText(path, `${JSON.stringify(results, null, 1)}\n`);

module.exports = { KIND, readResults, ResultsError, VERSION, writeResults, writeText };
