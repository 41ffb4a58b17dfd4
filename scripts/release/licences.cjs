// Licences of all that is installed with the package, and of what is linked into its binaries.
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

/** Of dependencies. Each permits use, change and distribution under any terms, notices kept. */
const ALLOWED = new Set(['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']);

/**
 * What is compiled or linked into the binaries of prebuilds/, by whom it is: of npm packages the notice is the licence file
 * of the installed version; the others permit embedding without one.
 */
const LINKED = [
  { name: 'node-addon-api', npm: true, what: 'headers of it are compiled into every binary' },
  { name: 'node-api-headers', npm: true, what: 'headers of it are compiled into every binary' },
  {
    ...{ name: 'LLVM libc++, libc++abi, libunwind, compiler-rt', licence: 'Apache-2.0 WITH LLVM-exception' },
    what: 'linked into the binaries that zig builds; the exception permits embedding in object form without a notice',
  },
  {
    ...{ name: 'mingw-w64 runtime', licence: 'ZPL-2.1 and public domain' },
    what: 'start-up code of the binary for Windows',
  },
];

/** @param {{ name: string, version: string, licenses?: { license: { id?: string, name?: string }, expression?: string }[] }[]} components of a CycloneDX SBOM */
exports.checkLicences = function checkLicences(components) {
  return components.flatMap(({ group, name, version, licenses = [] }) => {
    const names = licenses.map(({ license, expression }) => expression ?? license.id ?? license.name);
    const isAllowed = names.length > 0 && names.every((one) => ALLOWED.has(one));
    const full = group && !name.startsWith('@') ? `${group}/${name}` : name;
    return isAllowed
      ? []
      : [
          `${full} ${version}: the licence ${names.join(', ') || 'is not given'} is not in the list of ${[...ALLOWED].join(', ')}`,
        ];
  });
};

/** The text of THIRD_PARTY_NOTICES.md. */
exports.notices = function notices(root) {
  const sections = LINKED.map(({ name, npm, licence, what }) => {
    if (!npm) return `## ${name}\n\n${licence}: ${what}.\n`;
    const folder = join(root, 'node_modules', name);
    const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((one) => /^licen[cs]e(\.\w+)?$/i.test(one));
    const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim();
    return `## ${name}\n\n${license}: ${what}.\n\n\`\`\`\n${text}\n\`\`\`\n`;
  });
  const about =
    'What other people wrote and the binaries in `prebuilds/` contain. Dependencies are installed beside dnd-lora, each with its own\n' +
    'licence. `npm run release:check -- --write` makes this file.\n';
  return `# Third-party notices\n\n${about}\n${sections.join('\n')}`;
};
