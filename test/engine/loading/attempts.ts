import { join } from 'node:path';
import { resultOf } from '../child.js';

/** Of test/engine/programs/as.cjs. */
export interface FakeProcess {
  platform?: string;
  arch?: string;
  execPath?: string;
  versions?: Record<string, string>;
  /** What Node's report tells of glibc; null: it tells of none, as with musl. */
  glibc?: string | null;
  /** The user that an administrator becomes. */
  uid?: number;
}

export interface Outcome {
  name?: string;
  code?: string;
  message?: string;
}

/** Loads the addon in a process of its own, and computes with it. `{}`: it worked. */
export function load(environment: Record<string, string>, fake: FakeProcess = {}): Promise<Outcome> {
  return resultOf<Outcome>('load-addon', {
    nodeOptions: ['--require', join(__dirname, '..', 'programs', 'as.cjs')],
    environment: { ...environment, DND_TEST_PROCESS: JSON.stringify(fake) },
  });
}

/** The message of ADDON_UNAVAILABLE. */
export async function failureOf(environment: Record<string, string>, fake?: FakeProcess): Promise<string> {
  const { name, code, message } = await load(environment, fake);
  expect({ name, code }).toEqual({ name: 'DndError', code: 'ADDON_UNAVAILABLE' });
  return message!;
}
