// Several generators in worker threads, each with its share of the processors: more adapters per second than one generator
// with all of them where the decoder is small, at the price of its memory in each worker.
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

export class GeneratorPool {
  #workers;
  #idle = [];
  #waiting = [];
  #running = new Map();
  #nextId = 0;

  constructor(workers) {
    this.#workers = workers;
    for (const worker of workers) {
      worker.on('message', (answer) => this.#finish(worker, answer));
      this.#idle.push(worker);
    }
  }

  /** @param {string} generator its folder */
  static async start(generator, size = availableParallelism()) {
    const threads = Math.max(1, Math.floor(availableParallelism() / size));
    const script = new URL('./worker.mjs', import.meta.url);
    const workers = Array.from({ length: size }, () => new Worker(script, { workerData: { generator, threads } }));
    // Rejects with the error of a worker that could not load the generator.
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new GeneratorPool(workers);
  }

  /**
   * Writes an adapter for these prompts to the folder `out`.
   * @returns {Promise<object>} its report
   */
  generate(prompts, { out, seed = 0 }) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task: { id: this.#nextId++, prompts, seed, out }, resolve, reject });
      this.#next();
    });
  }

  async close() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    for (const { reject } of [...this.#waiting, ...this.#running.values()]) reject(new Error('the pool was closed'));
  }

  #next() {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const job = this.#waiting.shift();
      this.#running.set(job.task.id, job);
      this.#idle.pop().postMessage(job.task);
    }
  }

  #finish(worker, { id, report, failure }) {
    const { resolve, reject } = this.#running.get(id);
    this.#running.delete(id);
    this.#idle.push(worker);
    if (failure) reject(Object.assign(new Error(failure.message), { code: failure.code }));
    else resolve(report);
    this.#next();
  }
}
