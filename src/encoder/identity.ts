import { sha256OfFiles } from '../files/index.js';
import type { ModelFolder } from './model-folder.js';
import type { EncoderIdentity } from './text-encoder.js';

/**
 * What tells the encoder in a folder from others.
 * @param weights its opened files
 * @throws DndError READ_FAILED; `signal.reason`
 */
export async function identityOf(
  { name, tokenizer }: ModelFolder,
  weights: { readonly paths: string[] },
  { type, channels }: Pick<EncoderIdentity, 'type' | 'channels'>,
  signal: AbortSignal | undefined,
): Promise<EncoderIdentity> {
  return {
    type,
    channels,
    name,
    weightsSha256: await sha256OfFiles(weights.paths, signal),
    tokenizerSha256: await sha256OfFiles([tokenizer], signal),
  };
}
