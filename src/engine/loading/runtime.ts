import { PACKAGE_FOLDER } from '../../package.js';

/** What decides which binaries this process can load. */
export interface Runtime {
  platform: string;
  arch: string;
  host: 'Node' | 'Electron' | 'Bun';
  hostVersion: string;
  /** Of Linux: 'musl', or the version of glibc. */
  libc: { kind: 'glibc'; version: string } | { kind: 'musl' } | undefined;
  /** Whether this code is inside a bundle, away from the files of its package. */
  bundled: boolean;
}

/** Takes milliseconds, because of Node's report: meant for error messages. */
export function currentRuntime(): Runtime {
  const { platform, arch, versions } = process;
  const { electron, bun } = versions as { electron?: string; bun?: string };
  const host = electron ? 'Electron' : bun ? 'Bun' : 'Node';
  return {
    ...{ platform, arch, host, hostVersion: electron ?? bun ?? versions.node },
    libc: platform === 'linux' ? libcOf() : undefined,
    bundled: PACKAGE_FOLDER === undefined,
  };
}

function libcOf(): Runtime['libc'] {
  const report = process.report as (typeof process.report & { excludeNetwork?: boolean }) | undefined;
  if (typeof report?.getReport !== 'function') return undefined;
  // Without it, names of open connections are looked up, which may take seconds.
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    if (header === undefined) return undefined;
    return header.glibcVersionRuntime ? { kind: 'glibc', version: header.glibcVersionRuntime } : { kind: 'musl' };
  } finally {
    if (before === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = before;
  }
}

/** `linux-x64 with glibc 2.36, Node 22.23.3` */
export function describeRuntime({ platform, arch, libc, host, hostVersion }: Runtime): string {
  const library = libc === undefined ? '' : libc.kind === 'musl' ? ' with musl' : ` with glibc ${libc.version}`;
  return `${platform}-${arch}${library}, ${host} ${hostVersion}`;
}
