const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { dirname } = require('node:path');

const KIND = 'dnd-lora benchmark';
/** Of the JSON's layout: raised whenever figures move or change their meaning. */
const VERSION = 2;

/** A file that cannot be used, told in a sentence; no stack is wanted. */
class ResultsError extends Error {}

/** The results of a run of this version's benchmark, or of another kind of it. Throws ResultsError. */
async function readResults(path, { kind = KIND, current = VERSION } = {}) {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'no such file' : error.message;
    throw new ResultsError(`${path} cannot be read: ${why}`);
  }
  let results;
  try {
    results = JSON.parse(text);
  } catch (error) {
    throw new ResultsError(`${path} is not JSON: ${error.message}`);
  }
  const version = results?.version;
  const unnamed = kind === KIND && version === 1 && !results.kind && results.machine !== undefined; // as version 1 was
  if (results?.kind !== kind && !unnamed) {
    const command = kind === KIND ? 'npm run bench' : kind;
    const found = results?.kind ? `, but those of '${results.kind}'` : '';
    throw new ResultsError(`${path} is JSON but does not contain results of ${command}${found}`);
  }
  if (version !== current) {
    throw new ResultsError(
      `${path} has results of layout ${version}; this benchmark reads layout ${current}: ` +
        'use the version of the benchmark that wrote it, or measure again',
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
