import type { AdapterSettings } from './manifest-types.js';

/** For people, what weight tokens are: `normalisation residual, in a basis of 16 directions`. */
export function describedNormalisation({ normalisation = 'chunk', basis }: AdapterSettings): string {
  return `normalisation ${normalisation}${basis === undefined ? '' : `, in a basis of ${basis} directions`}`;
}
