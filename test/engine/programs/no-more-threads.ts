/** Prints the error of work for which the system gives no thread; the limit of processes is this process's own. */
import { execFileSync } from 'node:child_process';
import { conditionOf, createDecoder, SMALL } from '../decoders.js';

async function main(): Promise<void> {
  const decoder = await createDecoder(SMALL);
  const condition = conditionOf(decoder);
  execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1']);
  // The limit does not hold for root.
  if (process.getuid?.() === 0) process.setuid?.(65534);
  const error = await decoder.forward(condition, 1).catch((thrown) => thrown);
  decoder.dispose();
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message }));
}

main();
