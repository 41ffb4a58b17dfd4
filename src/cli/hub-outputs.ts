import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import { type AdapterFormatName, checkConversionOutput } from '../conversion/index.js';
import { checkFileOutput, checkFolderOutput } from '../files/index.js';
import { readFinetuneConfig } from '../finetuning/config.js';
import { checkOutput } from '../finetuning/output.js';
import { ADAPTER_MARKERS } from '../generator/adapter-formats.js';
import { MANIFEST_FILE } from '../generator/manifest.js';
import { MODEL_MARKER } from '../merging/merge.js';
import { readConfig } from '../training/config.js';
import { PAIRS_FILE } from '../training/pairs/manifest.js';
import { checkRunFolder } from '../training/run-folder.js';
import { adapterFolders } from './adapter-folders.js';

/** Options of the commands below, as far as they say where the output goes. */
interface Options {
  out?: string;
  force?: boolean;
  config?: string;
  resume?: string;
  dryRun?: boolean;
  page?: string;
  html?: string;
  prompts?: string[];
  format?: AdapterFormatName;
}

type Check = (options: Options, given: readonly unknown[]) => Promise<void>;

const folder =
  (marker: string | readonly string[]): Check =>
  async ({ out, force }) => {
    if (out !== undefined) await checkFolderOutput(out, { force, marker });
  };

const files =
  (...names: ('out' | 'page' | 'html')[]): Check =>
  async (options) => {
    for (const name of names) {
      const path = options[name];
      if (path !== undefined) await checkFileOutput(path);
    }
  };

const run =
  (check: (folder: string) => Promise<void>, read: (config: string) => Promise<{ out?: string | undefined }>): Check =>
  async ({ out, config, resume, dryRun }) => {
    if (resume !== undefined || dryRun) return;
    const place = out ?? (config === undefined ? undefined : (await read(config)).out);
    if (place !== undefined) await check(place);
  };

/** Each command's own refusal of an output, which it makes again itself. */
const CHECKS: Readonly<Record<string, Check>> = {
  demo: folder(PEFT_CONFIG_FILE),
  init: folder(MANIFEST_FILE),
  generate: async ({ prompts = [], out, force }) => {
    if (out === undefined) return;
    for (const one of adapterFolders(prompts, out)) await checkFolderOutput(one, { force, marker: ADAPTER_MARKERS });
  },
  finetune: run(checkOutput, readFinetuneConfig),
  train: run(checkRunFolder, readConfig),
  eval: files('out', 'page'),
  merge: folder(MODEL_MARKER),
  compare: files('html'),
  compose: folder(PEFT_CONFIG_FILE),
  convert: ({ format, force }, [, output]) => checkConversionOutput(String(output), { format, force }),
  import: folder(PAIRS_FILE),
};

/**
 * Whether a command would refuse its output as it is now: a check to make before what it reads is downloaded.
 * @param name of the command
 * @param given its arguments
 * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE; what reading a configuration throws
 */
export async function checkOutputOf(name: string, options: object, given: readonly unknown[]): Promise<void> {
  await CHECKS[name]?.(options, given);
}
