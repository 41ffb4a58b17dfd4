import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** How a program ended whose terminal went away. */
export interface Ending {
  code: number;
  /** All that the terminal showed before. */
  shown: string;
}

/**
 * Runs a program on a terminal of its own, that is taken away once it shows `moment`.
 * @param controlling whether the terminal is the one of the program's session, whose end it then gets a SIGHUP of
 */
export async function onTerminalThatGoes(
  argv: readonly string[],
  moment: RegExp,
  controlling: boolean,
): Promise<Ending> {
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  // The exit code comes over a pipe, which outlives the terminal, from a shell that takes no notice of the SIGHUP (Node
  // takes notice whatever it inherits). The outer shell dies of it, which is what sends it to the program.
  const shell = `(trap '' HUP; ${controlling ? '' : 'setsid --wait '}${quoted}; echo $? >&3); :`;
  const terminal = spawn('script', ['--quiet', '--flush', '--command', shell, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  let code = '';
  let shown = '';
  (terminal.stdio[3] as Readable).on('data', (chunk) => {
    code += chunk;
  });
  terminal.stdout!.on('data', (chunk) => {
    shown += chunk;
    if (moment.test(shown)) terminal.kill('SIGKILL');
  });
  await once(terminal.stdio[3] as Readable, 'close');
  return { code: Number(code), shown };
}
