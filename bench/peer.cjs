const { execFileSync, spawn } = require('node:child_process');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

/** A Python that may have torch: DND_PYTHON, else the cached environment, else nothing. Nothing is installed. */
function findPython() {
  const script = join(__dirname, '../scripts/python-environment.sh');
  return execFileSync('bash', [script, '--if-made'], { encoding: 'utf8' }).trim();
}

/** bench/peer.py, or another such script, as a running process: one request at a time. */
class Peer {
  /**
   * @param {string} script beside this file
   * @returns {Promise<{ peer: Peer, about: object } | { peer: null, about: { missing: string } }>}
   */
  static async start(threads, script = 'peer.py') {
    const python = findPython();
    if (!python) {
      return {
        peer: null,
        about: { missing: 'no Python with torch: set DND_PYTHON, or run scripts/python-environment.sh' },
      };
    }
    const peer = new Peer(python, threads, script);
    try {
      return { peer, about: { python, ...(await peer.begin()) } };
    } catch (error) {
      peer.process?.stdin.end(); // one that is still there would keep this process from ending
      return { peer: null, about: { missing: `${python} cannot run bench/${script}: ${error.message}` } };
    }
  }

  constructor(python, threads, script) {
    this.python = python;
    this.script = script;
    this.threads = threads;
  }

  /** @returns {Promise<object>} what it is */
  async begin() {
    this.process = spawn(this.python, ['-W', 'ignore', join(__dirname, this.script)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' },
    });
    this.process.stdin.on('error', () => {}); // the process's end is what is reported
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.spawnError = new Promise((_, reject) => this.process.once('error', reject));
    this.spawnError.catch(() => {});
    this.ended = false;
    return this.ask('start', { threads: this.threads });
  }

  /**
   * A process that has ended, as for lack of memory, is begun anew by the next request: a long run goes on without one
   * figure.
   * @returns {Promise<any>} the answer; an Error with the peer's own sentence when it failed
   */
  async ask(command, request = {}) {
    if (this.ended) await this.begin();
    this.process.stdin.write(`${JSON.stringify({ command, ...request })}\n`);
    const { value, done } = await Promise.race([this.lines.next(), this.spawnError]);
    if (done) {
      this.ended = true;
      throw new Error('it ended without an answer');
    }
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  async stop() {
    this.process.stdin.end();
    if (this.process.exitCode === null && this.process.signalCode === null)
      await new Promise((resolve) => this.process.once('exit', resolve));
  }
}

module.exports = { Peer };
