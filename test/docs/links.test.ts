import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './root.js';

/** Pages that a reader may open. */
function pages(): string[] {
  const own = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));
  return [...own.filter((name) => existsSync(join(ROOT, name))), ...docs];
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  let fenced = false;
  for (const line of text.split('\n')) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    const [, heading] = (!fenced && /^#+ (.*)$/.exec(line)) || [];
    if (heading === undefined) continue;
    const words = heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let unused = anchor;
    for (let count = 1; anchors.has(unused); count++) unused = `${anchor}-${count}`;
    anchors.add(unused);
  }
  return anchors;
}

function brokenLinks(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const links = [...text.replace(/^\s*```[\s\S]*?^\s*```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target]) => target!,
  );
  return links.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path, anchor] = target.split('#') as [string, string | undefined];
    const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
    if (!existsSync(file)) return true;
    if (anchor === undefined) return false;
    return statSync(file).isDirectory() || !anchorsOf(readFileSync(file, 'utf8')).has(anchor);
  });
}

test.each(pages().map((page) => [relative(ROOT, join(ROOT, page))]))('every link of %s leads somewhere', (page) => {
  expect(brokenLinks(page)).toEqual([]);
});

test('anchors are those of headings, numbered where they repeat', () => {
  const page = '# The `a.b` file\n## Rows\n## Rows\n```sh\n# no heading\n```\n### [A link](x.md), twice\n## NOT_FINITE';
  expect([...anchorsOf(page)]).toEqual(['the-ab-file', 'rows', 'rows-1', 'a-link-twice', 'not_finite']);
});
