// node --require test/engine/typescript.cjs killed-runs.ts <options as JSON>: prints what `runAndKill` found, as JSON.
import { runAndKill } from '../killed-runs.js';

runAndKill(JSON.parse(process.argv[2]!)).then((result) => process.stdout.write(JSON.stringify(result)));
