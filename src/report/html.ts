import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and for attributes in quotes. */
export function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** A script element with data for the page's scripts: whatever it holds cannot end the element. */
export function dataScript(data: unknown): string {
  return `<script type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>`;
}

export interface HtmlDocument {
  title: string;
  /** HTML. */
  body: string;
  styles: readonly string[];
  /** They run in this order, after the plotting library. */
  scripts: readonly string[];
}

/**
 * One HTML file with everything in it, the plotting library too: it opens without a network, and the policy in it
 * forbids whatever would leave the file.
 */
export function htmlDocument({ title, body, styles, scripts }: HtmlDocument): string {
  const library = (name: string) => readFileSync(require.resolve(`uplot/${name}`), 'utf8');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>
${[library('dist/uPlot.min.css'), pageFile('page.css'), ...styles].join('\n')}
</style>
</head>
<body>
${body}
<!-- uPlot:
${library('LICENSE').replaceAll('--', '- -')}
-->
${[withoutAddress(library('dist/uPlot.iife.min.js')), ...scripts].map((script) => `<script>\n${script}\n</script>`).join('\n')}
</body>
</html>
`;
}

/** The library's first comment says where it is from; a page has no address in it, so that it is seen to need none. */
function withoutAddress(script: string): string {
  return script.replace(/^(\/\*!?\s*)https:\/\//, '$1');
}

/** A file of `pages/`, which holds what the pages' browsers get. */
export function pageFile(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'pages', name), 'utf8');
}
