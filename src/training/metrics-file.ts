import { dirname } from 'node:path';
import { OpenFile, syncFolder, writeError } from '../files/index.js';

/**
 * metrics.jsonl of a run. Lines that could not be written, as on a full disk, are kept until it is tried again, so that
 * none is ever lost in the middle.
 */
export class MetricsFile {
  #bytes: number;
  #pending: Buffer[] = [];

  private constructor(
    readonly path: string,
    readonly file: OpenFile,
    bytes: number,
  ) {
    this.#bytes = bytes;
  }

  /**
   * Opens it to be written after its first `keepBytes`; what follows them is dropped.
   * @returns also whether it was shorter than that, because someone has changed it
   * @throws DndError NOT_WRITABLE, DISK_FULL
   */
  static async open(path: string, keepBytes: number): Promise<{ file: MetricsFile; shorter: boolean }> {
    let file: OpenFile | undefined;
    try {
      await (await OpenFile.open(path, 'a+')).close();
      file = await OpenFile.open(path, 'r+');
      const { size } = await file.stat();
      const bytes = Math.min(size, keepBytes);
      await file.truncate(bytes);
      return { file: new MetricsFile(path, file, bytes), shorter: size < keepBytes };
    } catch (error) {
      await file?.close();
      throw writeError(error, path);
    }
  }

  /** Where the next line goes, all lines so far being written. */
  get bytes(): number {
    return this.#bytes + this.#pending.reduce((sum, { length }) => sum + length, 0);
  }

  /** @throws DndError DISK_FULL, NOT_WRITABLE; the line is then kept for the next time */
  async append(line: unknown): Promise<void> {
    this.#pending.push(Buffer.from(`${JSON.stringify(line)}\n`));
    await this.#flush();
  }

  /** Returns when all lines are on the disk. Errors: as `append` */
  async sync(): Promise<void> {
    await this.#flush();
    try {
      await this.file.sync();
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw writeError(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async #flush(): Promise<void> {
    try {
      for (let [line] = this.#pending; line; [line] = this.#pending) {
        await this.file.write(line, this.#bytes);
        this.#bytes += line.length;
        this.#pending.shift();
      }
    } catch (error) {
      throw writeError(error, this.path);
    }
  }
}
