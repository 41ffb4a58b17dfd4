#!/usr/bin/env node
// All that must hold of the package before it is published, each check in a line, with what it took.
//   npm run release:check                  everything; dist/ and prebuilds/ have to be made before
//   npm run release:check -- --own-build   with the addon of build/Release where prebuilds/ has none for this machine: not fit to publish
//   npm run release:check -- --only contents,types,licences,install,clone
//   npm run release:check -- --any-time    times are printed, and none is too long: for machines that are shared
//   npm run release:check -- --write       writes THIRD_PARTY_NOTICES.md
// types, install and clone reach the package registry. The tarball and the SBOM are left in build-release/.
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { availableParallelism, loadavg, tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const contents = require('./contents.cjs');
const fresh = require('./fresh.cjs');
const licences = require('./licences.cjs');
const { makeTarball, ROOT } = require('./tarball.cjs');

const PARTS = ['contents', 'types', 'licences', 'install', 'clone'];
const OUTPUT = join(ROOT, 'build-release');
const NOTICES = join(ROOT, 'THIRD_PARTY_NOTICES.md');
/** Large (56 packages, 38 MB) and needed by no one who only builds or tests: fetched when it is used. */
const ATTW = '@arethetypeswrong/cli@0.18.5';
/** Node 20 and TypeScript 7 resolve no package as node10 did, which knows no `exports`. */
const ATTW_OPTIONS = ['--profile', 'node16', '--format', 'table-flipped', '--no-emoji', '--no-color'];
/** From `npm install` to the first adapter, on two processors. */
const MOST_INSTALL_SECONDS = 20;
const MOST_CLONE_SECONDS = 180;

/** Linux: of the times in /proc. */
const TICKS_PER_SECOND = 100;

let passed = 0;
let failed = 0;
let judgesTimes = true;

main(
  parseArgs({
    options: {
      'own-build': { type: 'boolean' },
      only: { type: 'string' },
      'any-time': { type: 'boolean' },
      write: { type: 'boolean' },
    },
  }).values,
);

function main({ only, write, 'own-build': ownBuild, 'any-time': anyTime }) {
  judgesTimes = !anyTime;
  if (write) return writeFileSync(NOTICES, licences.notices(ROOT));
  const parts = only?.split(',') ?? PARTS;
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown) throw new Error(`unknown part ${unknown}; there are ${PARTS.join(', ')}`);
  const work = mkdtempSync(join(tmpdir(), 'dnd-release-'));
  mkdirSync(OUTPUT, { recursive: true });
  try {
    const tarball = makeTarball(OUTPUT, { ownBuild });
    if (tarball.ownBuild) console.log('with the addon of build/Release, for this machine only: not fit to publish');
    console.log(`${tarball.path}: ${contents.megabytes(tarball.bytes)}, ${tarball.files.length} files`);
    if (parts.includes('contents')) checkContents(tarball, join(work, 'unpacked'));
    if (parts.includes('types')) checkTypes(tarball);
    if (parts.includes('install') || parts.includes('licences')) checkInstallation(tarball, work, parts);
    if (parts.includes('clone')) checkClone(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  console.log(`release: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/**
 * Runs a check and prints a line.
 * @param {() => string[] | string} find sentences that name problems, or why nothing can be checked; what it throws is a problem
 */
function check(sentence, find) {
  const [began, before] = [Date.now(), processorSeconds()];
  let problems;
  try {
    problems = find();
  } catch (error) {
    problems = [error.message];
  }
  const took = `${((Date.now() - began) / 1000).toFixed(1)} s, ${(processorSeconds() - before).toFixed(1)} s of processor`;
  if (typeof problems === 'string') return console.log(`left out: ${sentence}: ${problems}`);
  if (problems.length > 0) failed++;
  else passed++;
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${sentence} (${took})`);
  for (const problem of problems) console.log(`     ${problem}`);
}

/** Of the programs that this one has started, where the system tells it, which is Linux; elsewhere 0. */
function processorSeconds() {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const [user, system] = fields.slice(13, 15);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

function checkContents({ path, bytes, files }, unpacked) {
  const description = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  mkdirSync(unpacked);
  execFileSync('tar', ['xzf', path, '--strip-components=1', '-C', unpacked]);
  const folders = [ROOT, process.env.HOME, tmpdir()].filter((folder) => folder && folder !== '/' && folder !== '/tmp');
  check('the tarball has what it must, and nothing else', () => contents.checkFiles(files, description));
  check('its size is within the budget', () => contents.checkSize(bytes));
  check('nothing is run where it is installed', () =>
    contents.checkNoInstallScripts(description, existsSync(join(ROOT, 'binding.gyp'))),
  );
  check('no file in it names a folder of the machine that made it', () =>
    files.flatMap((file) => contents.checkPaths(file.path, readFileSync(join(unpacked, file.path), 'latin1'), folders)),
  );
  check('the versions of the package and of its CUDA package are the same', () => {
    const cuda = JSON.parse(readFileSync(join(ROOT, 'packages', 'cuda-linux-x64', 'package.json'), 'utf8'));
    const named = [cuda.version, cuda.peerDependencies['dnd-lora'], description.peerDependencies[cuda.name]];
    return named
      .filter((version) => version !== description.version)
      .map((version) => `${version} is not ${description.version}`);
  });
  check('THIRD_PARTY_NOTICES.md is that of what is linked', () =>
    existsSync(NOTICES) && readFileSync(NOTICES, 'utf8') === licences.notices(ROOT)
      ? []
      : ['make it again: npm run release:check -- --write'],
  );
}

function checkTypes({ path }) {
  check('publint finds nothing', () => run('npx', ['--no-install', 'publint', path, '--strict']));
  check('attw finds nothing', () => run('npx', ['--yes', ATTW, path, ...ATTW_OPTIONS]));
}

/** A program that fails where it finds something. */
function run(program, parameters) {
  fresh.runIn(ROOT, process.env, program, parameters);
  return [];
}

function checkInstallation({ path }, work, parts) {
  const environment = fresh.bareEnvironment(fresh.bareTools(join(work, 'tools')), join(work, 'home'));
  const project = fresh.emptyProject(join(work, 'project'));
  const install = ['install', path, '--ignore-scripts', '--no-audit', '--no-fund'];
  check(`without a compiler and a cache, from npm install to the first adapter in ${MOST_INSTALL_SECONDS} s`, () =>
    within(MOST_INSTALL_SECONDS, () => {
      fresh.runIn(project, environment, 'npm', install);
      fresh.firstAdapter(project, environment);
    }),
  );
  if (parts.includes('install'))
    check('npm audit finds nothing in what is installed', () => {
      const answer = fresh.runIn(project, environment, 'sh', ['-c', 'npm audit --omit=dev 2>&1 || true']);
      if (/audit endpoint returned an error/.test(answer)) return 'this registry does not audit';
      return /^found 0 vulnerabilities$/m.test(answer) ? [] : [answer];
    });
  if (parts.includes('licences')) checkDependencies(project, environment);
}

function checkDependencies(project, environment) {
  const path = join(OUTPUT, 'sbom.cdx.json');
  let components = [];
  check('what is installed has an SBOM (CycloneDX)', () => {
    const sbom = fresh.runIn(project, environment, 'npm', [
      'sbom',
      '--sbom-format',
      'cyclonedx',
      '--sbom-type',
      'application',
    ]);
    writeFileSync(path, sbom);
    components = JSON.parse(sbom).components;
    const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
    const installed = Object.keys(packages).filter(Boolean).length;
    return components.length >= installed
      ? []
      : [`${installed} packages are installed, and ${components.length} are in it`];
  });
  check(`the licences of ${components.length} packages are in the list`, () => licences.checkLicences(components));
}

function checkClone(work) {
  const clone = join(work, 'clone');
  const project = fresh.emptyProject(join(work, 'beside'));
  const { CMAKE_CXX_COMPILER_LAUNCHER: _, ...environment } = process.env;
  check(`from a clone, without a compiler's cache, to the first adapter in ${MOST_CLONE_SECONDS} s`, () => {
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone]);
    return within(MOST_CLONE_SECONDS, () => {
      const settings = { ...environment, DND_CUDA: 'OFF', CCACHE_DISABLE: '1' };
      fresh.runIn(clone, settings, 'npm', ['ci', '--no-audit', '--no-fund']);
      fresh.firstAdapter(project, settings, clone);
    });
  });
}

/** Problems of work that takes longer than this. */
function within(seconds, work) {
  const began = Date.now();
  work();
  const took = (Date.now() - began) / 1000;
  if (!judgesTimes || took <= seconds) return [];
  const [load] = loadavg();
  return [`it took ${took.toFixed(1)} s; ${availableParallelism()} processors had a load of ${load.toFixed(1)}`];
}
