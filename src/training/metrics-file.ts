import { dirname } from 'node:path';
import { OpenFile, syncFolder, writeError } from '../files/index.js';

/**
 * metrics.jsonl of a run. Lines that could not be written, as on a full disk, are kept for the next attempt, so that no
 * line is lost in the middle.
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
   * Opens it for appending after its first `keepBytes`; the rest is truncated.
   * @returns also whether it was shorter than that, because it was changed
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

  /** Offset of the next line, once all lines so far are written. */
  get bytes(): number {
    return this.#bytes + this.#pending.reduce((sum, { length }) => sum + length, 0);
  }

  /** @throws DndError DISK_FULL, NOT_WRITABLE; the line is then kept for the next attempt */
  async append(line: unknown): Promise<void> {
    this.#pending.push(Buffer.from(`${JSON.stringify(line)}\n`));
    await this.#flush();
  }

  /** Flushes all lines to the disk. Errors: as `append` */
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
