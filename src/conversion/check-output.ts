import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import { checkFolderOutput } from '../files/index.js';
import { MANIFEST_FILE } from '../generator/manifest.js';
import { formatOf } from './adapters.js';
import { GGUF } from './gguf.js';
import { checkNewFile } from './output-rules.js';
import { isImportanceName } from './published.js';
import type { ConvertOptions } from './types.js';

/**
 * Whether `convert` would refuse an output as it is now, whatever the input is: a check to make before the input is there.
 * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE; INVALID_ARGUMENT for an unknown format, or a name that nothing has
 */
export async function checkConversionOutput(
  output: string,
  { format, force }: Pick<ConvertOptions, 'format' | 'force'>,
): Promise<void> {
  const asFile = format === undefined && isImportanceName(output) ? true : formatOf(output, format) === GGUF;
  if (asFile) await checkNewFile(output, force);
  else await checkFolderOutput(output, { force, marker: [PEFT_CONFIG_FILE, MANIFEST_FILE] });
}
