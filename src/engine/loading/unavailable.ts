import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DndError } from '../../errors.js';
import { ADDON_VARIABLE, type AddonFile, searchedFolder } from './find.js';
import { describeRuntime, type Runtime } from './runtime.js';

/** The oldest glibc that the prebuilt binaries run with. */
const OLDEST_GLIBC = '2.28';

export interface Attempt {
  runtime: Runtime;
  /** Undefined: none was found. */
  file?: AddonFile | undefined;
  /** What finding or loading it threw. */
  cause?: unknown;
  /** How the child process ended that tried it. */
  crash?: string | undefined;
}

/** The error of an addon that cannot be used: what was tried, what is known about the reason, and the ways out of it. */
export function unavailable(attempt: Attempt): DndError {
  const { runtime, cause } = attempt;
  const waysOut = [...specificWaysOut(attempt), ...generalWaysOut(attempt)];
  return new DndError(
    'ADDON_UNAVAILABLE',
    `the native engine could not be loaded on ${describeRuntime(runtime)}.
Tried:
${tried(attempt)
  .map((line) => `  ${line}`)
  .join('\n')}
Ways out:
${waysOut.map((way) => `  - ${way.replaceAll('\n', '\n    ')}`).join('\n')}`,
    { cause },
  );
}

function tried({ file, cause, crash, runtime }: Attempt): string[] {
  const reason = crash === undefined ? firstLine(cause) : `a child process that tried it ended with ${crash}`;
  if (file !== undefined) return [`${file.path}: ${withoutPath(reason, file.path)}`];
  if (process.env[ADDON_VARIABLE]) return [reason];
  const folder = searchedFolder();
  if (folder === undefined) return ['dnd-lora is part of a bundle, which contains its code but not its addon'];
  const platforms = prebuilt();
  const files = listFolder(join(folder, 'prebuilds', `${runtime.platform}-${runtime.arch}`));
  const [build, prebuilds] = [join(folder, 'build', 'Release'), join(folder, 'prebuilds')];
  if (isUnreadable()) return [`${prebuilds}: this user may not read it`];
  return [
    `${build}: no build`,
    `${prebuilds}: ${platforms.length > 0 ? `binaries for ${platforms.join(', ')}` : 'no prebuilt binaries'}`,
    ...(files.length > 0
      ? [`${join(prebuilds, `${runtime.platform}-${runtime.arch}`)}: only ${files.join(', ')}`]
      : []),
  ];
}

/** Where the reason is known. */
function specificWaysOut({ runtime, file, crash, cause }: Attempt): string[] {
  const { libc, host } = runtime;
  if (runtime.bundled && file === undefined) return BUNDLE;
  if (crash !== undefined) return CRASH;
  const ways: string[] = [];
  if (file === undefined && isUnreadable())
    ways.push(
      `Let this user read the package, which another one may have installed: chmod -R a+rX ${searchedFolder()}`,
    );
  const wanted = /(GLIBC|GLIBCXX|CXXABI)_([\d.]+)' not found/.exec(firstLine(cause));
  if (wanted && file?.from === 'prebuild' && wanted[1] === 'GLIBC')
    ways.push(
      `Use a system with glibc ${wanted[2]} or newer (this one has ${libc?.kind === 'glibc' ? libc.version : 'an older one'}). The binaries of this package need ` +
        `${OLDEST_GLIBC}: Debian 10, Ubuntu 20.04,\nRHEL 8, Amazon Linux 2023 or newer.`,
    );
  else if (wanted)
    ways.push(
      `Build it again on this system: ${file?.path} was built on a newer one, with ${wanted[1]} ${wanted[2]}. In the clone: npm run build:native`,
    );
  if (libc?.kind === 'musl')
    ways.push(
      file === undefined
        ? 'Use a system with glibc, because this package has no binary for musl here: the container image node:22-slim instead\nof node:22-alpine.'
        : 'This system has musl instead of glibc: set LIBC=musl, which chooses the binary for it, or use a system with glibc, such\nas the container image node:22-slim.',
    );
  if (host === 'Electron') ways.push(ELECTRON);
  if (host === 'Bun') ways.push(BUN);
  return ways;
}

function generalWaysOut({ runtime, file }: Attempt): string[] {
  const platforms = prebuilt();
  const isMissing = file === undefined && !isUnreadable() && !runtime.bundled && !process.env[ADDON_VARIABLE];
  return [
    ...(isMissing
      ? [
          `Use a platform with a prebuilt binary${platforms.length > 0 ? `: ${platforms.join(', ')}` : ' (this copy of the package has none)'}.`,
        ]
      : []),
    `Build it from source: in a clone of the dnd-lora repository, run "npm install", or "npm run build:native" to build
only the engine. It needs a C++20 compiler and CMake 3.24 or newer, and says how to install what is missing.
${ADDON_VARIABLE}=<clone>/build/Release/dnd_lora.node makes an installed package load it.`,
    'Report it, with the output of "npx dnd doctor --json".',
  ];
}

const BUNDLE = [
  `Leave dnd-lora out of the bundle, so that it is loaded from node_modules, which is deployed beside the bundle:
esbuild    --external:dnd-lora, or external: ['dnd-lora']
webpack    externalsType: 'commonjs', externals: [/^dnd-lora(\\/|$)/]
Next.js    serverExternalPackages: ['dnd-lora'] in next.config
Vite       ssr: { external: ['dnd-lora'] }
Rollup     external: [/^dnd-lora(\\/|$)/]
Bun        bun build --external dnd-lora`,
  `Keep it in the bundle, and name a copy of the addon of your platform: ${ADDON_VARIABLE}=/app/dnd-lora.node`,
];

const CRASH = [
  `Try DND_CPU_ISA=baseline: if that works, this machine reports an instruction set that it cannot execute, as some
emulators and virtual machines do.`,
];

const ELECTRON = `In Electron, use dnd-lora in the main process or in a utility process, not in a renderer, and keep it out of the archive:
electron-builder   asarUnpack: ['**/node_modules/dnd-lora/**']
Electron Forge     packagerConfig: { asar: { unpack: '**/node_modules/dnd-lora/**' } }`;

const BUN = `Run it with Node 20.15 or newer. Of Bun, use a version that loads N-API addons of version 9; an executable of
bun build --compile contains no addon: leave dnd-lora out with --external, and keep node_modules beside it.`;

function prebuilt(): string[] {
  const folder = searchedFolder();
  return folder === undefined ? [] : listFolder(join(folder, 'prebuilds'));
}

/** Whether the system refuses to list the folder of prebuilt binaries, or to look for it. */
function isUnreadable(): boolean {
  const folder = searchedFolder();
  if (folder === undefined) return false;
  try {
    readdirSync(join(folder, 'prebuilds'));
    return false;
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** The system's message may begin with the file's name. */
function withoutPath(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0]!;
}
