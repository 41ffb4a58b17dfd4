/** Repositories of the Hugging Face Hub as folders. */
export { type DownloadedRepository, type DownloadOptions, download } from './download.js';
export { hubCacheFolder } from './environment.js';
export { isHubReference } from './reference.js';
export { HUB_KINDS, type HubKind } from './selection.js';
