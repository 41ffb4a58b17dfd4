import { type VerifyOptions, verify } from '../../../src/verify/verify.js';

/** The verdicts about the files that DND_TEST_FILES name, with the options of DND_TEST_SETTINGS. */
async function main() {
  const settings = JSON.parse(process.env.DND_TEST_SETTINGS!) as VerifyOptions;
  const verdicts: unknown[] = [];
  for await (const verdict of verify(process.env.DND_TEST_FILES!.split('\n'), settings)) verdicts.push(verdict);
  console.log(JSON.stringify(verdicts));
}

void main();
