import type { LongOperation } from '../async/index.js';
import { download } from './download.js';
import { isHubReference } from './reference.js';
import type { HubKind } from './selection.js';

/**
 * The folder of something that is given as a path or as `hf:owner/name`, which is downloaded first.
 * @throws as `download`
 */
export async function localFolder(
  pathOrReference: string,
  kind: HubKind,
  operation: LongOperation = {},
): Promise<string> {
  if (!isHubReference(pathOrReference)) return pathOrReference;
  return (await download(pathOrReference, kind, operation)).folder;
}
