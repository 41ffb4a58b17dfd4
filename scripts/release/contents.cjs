// What may be in the tarball, and what must be. Pure: checks get what they look at, and return sentences that name problems.

/** 15 MB, packed. */
const MOST_BYTES = 15e6;

const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|THIRD_PARTY_NOTICES\.md)$/,
  /^dist\/([\w-]+\/)*[\w-]+(\.d)?\.m?[jt]s$/,
  /^pages\/[\w-]+\.(css|js)$/,
  /^pocket\/([\w-]+\/)*[\w-]+\.(json|safetensors|txt)$/,
  /^prebuilds\/(linux-(x64|arm64)\/dnd-lora(\.glibc|\.musl)?|(darwin|win32)-(x64|arm64)\/dnd-lora)\.node$/,
];

const REQUIRED = ['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES.md', 'package.json', 'pocket/pocket.json'];

/** npm runs these where the package is installed, or refuses to. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall'];

/** Folders of people and of this machine: none may be named in a packed file. */
const HOME_FOLDERS = /(?<![\w.~-])(\/home\/|\/Users\/|\/root\/|[A-Z]:\\Users\\)[\w.-]+/;

/**
 * @param {{ path: string }[]} files of the tarball
 * @param {object} description its package.json
 */
exports.checkFiles = function checkFiles(files, description) {
  const paths = new Set(files.map(({ path }) => path));
  const targets = [
    description.main,
    description.module,
    description.types,
    ...leaves(description.bin),
    ...leaves(description.exports),
  ];
  const required = [...REQUIRED, ...targets.map((target) => target.replace(/^\.\//, ''))];
  return [
    ...[...paths]
      .filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))
      .map((path) => `${path} must not be packed`),
    ...[...new Set(required)].filter((path) => !paths.has(path)).map((path) => `${path} is missing`),
    ...([...paths].some((path) => path.endsWith('.node')) ? [] : ['prebuilds/ has no binary']),
  ];
};

exports.checkSize = function checkSize(bytes) {
  return bytes <= MOST_BYTES
    ? []
    : [`the tarball has ${megabytes(bytes)}; at most ${megabytes(MOST_BYTES)} are allowed`];
};

/** @param {object} description a package.json; hasBindingGyp: whether npm would run node-gyp */
exports.checkNoInstallScripts = function checkNoInstallScripts({ scripts = {} }, hasBindingGyp) {
  return [
    ...INSTALL_SCRIPTS.filter((name) => scripts[name] !== undefined).map((name) => `package.json has a script ${name}`),
    ...(hasBindingGyp ? ['binding.gyp is there, for which npm runs node-gyp where the package is installed'] : []),
  ];
};

/**
 * @param {string} path of a packed file
 * @param {string} text its bytes, as latin1
 * @param {string[]} folders of this machine, such as the repository
 */
exports.checkPaths = function checkPaths(path, text, folders) {
  const named = folders.find((folder) => text.includes(folder)) ?? HOME_FOLDERS.exec(text)?.[0];
  return named === undefined ? [] : [`${path} names the folder ${named}`];
};

function leaves(value) {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : value ? [value] : [];
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
exports.megabytes = megabytes;
