import { DndError } from '../errors.js';
import { quote } from '../validation/index.js';

/** A repository of models on the Hugging Face Hub. */
export interface HubReference {
  /** `owner/name`, or the `name` alone of a repository without an owner. */
  id: string;
  /** A branch, tag or commit. */
  revision: string;
  /** A folder inside it, such as `checkpoints/last`; empty: the repository's own. */
  folder: string;
}

/** What marks a repository where a path is expected, so that a mistyped path is never looked for on the network. */
export const HUB_PREFIX = 'hf:';
const PART = '[A-Za-z0-9][\\w.-]{0,95}';
const REFERENCE = new RegExp(
  `^(?<id>${PART}(?:/${PART})?)(?<folder>(?:/[\\w.-]+)*)/?(?:@(?<revision>[\\w.-]+(?:/[\\w.-]+)*))?$`,
);

/** Whether a text that may be a path names a repository instead. */
export function isHubReference(text: string): boolean {
  return text.startsWith(HUB_PREFIX);
}

/**
 * @param text `hf:owner/name`, or with a branch, tag or commit `hf:owner/name@revision`, or a folder inside it,
 * `hf:owner/name/folder@revision`; the prefix may be missing
 * @throws DndError INVALID_ARGUMENT for any other form
 */
export function parseHubReference(text: string): HubReference {
  const { id, revision = 'main', folder = '' } = REFERENCE.exec(text.replace(HUB_PREFIX, ''))?.groups ?? {};
  const parts = `${id}/${revision}${folder}`.split('/');
  if (id !== undefined && !parts.some((part) => part === '.' || part.includes('..')))
    return { id, revision, folder: folder.slice(1) };
  throw new DndError(
    'INVALID_ARGUMENT',
    `${quote(text)} is not a repository of the Hugging Face Hub; expected ${HUB_PREFIX}owner/name, ${HUB_PREFIX}owner/name/folder or one of them with @revision`,
  );
}

export function referenceText({ id, revision, folder }: HubReference): string {
  return `${HUB_PREFIX}${id}${folder === '' ? '' : `/${folder}`}${revision === 'main' ? '' : `@${revision}`}`;
}
