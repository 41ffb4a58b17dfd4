import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Block, blocksOf, faultOf } from './blocks.js';
import { checkTypes, install, readPage, runBlock, runCommand } from './installation.js';

const ON_WINDOWS = process.platform === 'win32';

/** Tests of a page: its blocks run one after the other, as a reader would run them, in a folder with the package installed. */
export function describePage(page: string): void {
  jest.setTimeout(300_000); // the machine may be slow and shared
  const blocks = blocksOf(readPage(page));
  const isRun = ({ notRun, language }: Block) => notRun === undefined && language !== 'text';

  describe(page, () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'dnd-page-'));
      install(folder);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));

    test('every block has a language that says how it is checked', () => {
      const faults = blocks.map((block) => ({ line: block.line, fault: faultOf(block) }));
      expect(faults.filter(({ fault }) => fault !== undefined)).toEqual([]);
    });

    const typed = blocks.filter((block) => block.language === 'ts');
    if (typed.length > 0)
      test('the types of its TypeScript are right', async () => {
        await checkTypes(folder, typed);
      });

    for (const block of blocks) {
      const name = `line ${block.line}, ${block.language}`;
      if (block.notRun !== undefined) test.skip(`${name}: not run, ${block.notRun}`, () => {});
      else if (ON_WINDOWS && block.language === 'sh') test.skip(`${name}: not run, Windows has no bash`, () => {});
      else if (isRun(block))
        test(`${name} runs`, async () => {
          await runBlock(folder, block);
        });
      else if (block.prints !== undefined)
        test(`${name} is what ${block.prints} prints`, async () => {
          const printed = await runCommand(folder, block.prints!);
          expect(withoutTimes(block.text)).toBe(withoutTimes(printed));
        });
    }
  });
}

/** Times are those of the machine. */
const withoutTimes = (text: string) => text.replace(/\d+(\.\d+)? (ms|s)\b/g, '… $2').trim();
