import { homedir } from 'node:os';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { kindOf, readText } from '../files/index.js';

type Environment = Readonly<NodeJS.ProcessEnv>;

/** The folder that Python's huggingface_hub and others share, by the same environment variables. */
export function hubCacheFolder(environment: Environment = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment;
  const folder = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE;
  return folder ? expanded(folder, environment) : join(hubHome(environment), 'hub');
}

/**
 * The token that gives access to private repositories: of the environment, or else the one that `huggingface-cli login`
 * saves. None where HF_HUB_DISABLE_IMPLICIT_TOKEN says so.
 * @throws DndError READ_FAILED, CORRUPT_FILE; INVALID_ARGUMENT as `checkToken`
 */
export async function implicitToken(environment: Environment = process.env): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN } = environment;
  if (isSet(HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const given = (HF_TOKEN || HUGGING_FACE_HUB_TOKEN)?.trim();
  if (given) return checkToken(given, 'HF_TOKEN');
  const path = HF_TOKEN_PATH ? expanded(HF_TOKEN_PATH, environment) : join(hubHome(environment), 'token');
  if ((await kindOf(path)) !== 'file') return undefined;
  const saved = (await readText(path, 'token')).trim();
  return saved === '' ? undefined : checkToken(saved, path);
}

/**
 * A token is sent in a header, which has no other characters. It is never shown.
 * @param source where it is from, for the message
 * @throws DndError INVALID_ARGUMENT
 */
export function checkToken(token: string, source: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${source}: expected a token of letters and digits without spaces, got other characters`,
  );
}

/** As huggingface_hub reads its switches. */
export function isSet(value: string | undefined): boolean {
  return /^(?:1|on|yes|true)$/i.test(value ?? '');
}

function hubHome(environment: Environment): string {
  const { HF_HOME, XDG_CACHE_HOME } = environment;
  return expanded(HF_HOME || join(XDG_CACHE_HOME || '~/.cache', 'huggingface'), environment);
}

/** With `~` and `$NAME` as a shell has them: a shell leaves them as they are within quotes, and so does an `.env` file. */
function expanded(path: string, environment: Environment): string {
  return path
    .replace(/^~(?=$|[/\\])/, () => environment.HOME || homedir())
    .replace(/\$(?:(\w+)|\{([^}]*)\})/g, (text, name, braced) => environment[name ?? braced] ?? text);
}
