/** Repositories of the Hugging Face Hub as folders. */
export { hubCacheFolder } from './cache.js';
export { type DownloadedRepository, type DownloadOptions, download } from './download.js';
export { isHubReference } from './reference.js';
export { HUB_KINDS, type HubKind } from './selection.js';
