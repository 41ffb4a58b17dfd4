import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { conditionOf, createDecoder, SMALL } from '../decoders.js';

/** A forward pass of a decoder: before, while and after the system gives this process no more threads. */
async function main() {
  // Limits do not hold for an administrator.
  if (process.getuid?.() === 0) process.setuid!(54321);
  // Begun before, since a process that gets no threads gets no child either.
  const shell = spawn('sh', ['-c', 'while read most; do prlimit --pid $PPID --nproc=$most: && echo done; done']);
  const limitThreads = async (most: string) => {
    shell.stdin.write(`${most}\n`);
    await once(shell.stdout, 'data');
  };
  const engine = await createDecoder(SMALL, { threads: 2 });
  const forward = () => engine.forward(conditionOf(engine), 1);
  const before = await forward();
  await limitThreads('1');
  const failure = await forward().then(
    () => null,
    ({ name, code, message }) => ({ name, code, message }),
  );
  await limitThreads('4096');
  const after = await forward();
  shell.stdin.end();
  console.log(JSON.stringify({ failure, same: Buffer.from(before.buffer).equals(Buffer.from(after.buffer)) }));
}

void main();
