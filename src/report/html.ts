import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text and quoted attributes. */
export function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** A script element with data for the page's scripts, escaped so that the data cannot close the element. */
export function dataScript(data: unknown): string {
  return `<script type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>`;
}

export interface HtmlDocument {
  title: string;
  /** HTML. */
  body: string;
  styles: readonly string[];
  /** Executed in this order, after the plotting library. */
  scripts: readonly string[];
}

/**
 * One self-contained HTML file, including the plotting library: it opens without a network, and its content security
 * policy forbids all external requests.
 */
export function htmlDocument({ title, body, styles, scripts }: HtmlDocument): string {
  // Not `require.resolve`, for which webpack would take every file of the library into a bundle, and fail.
  const { resolve } = createRequire(__filename);
  const library = (name: string) => readFileSync(resolve(`uplot/${name}`), 'utf8');
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

/**
 * Removes the library's first comment, which contains its address: a page without addresses visibly needs no network.
 */
function withoutAddress(script: string): string {
  return script.replace(/^(\/\*!?\s*)https:\/\//, '$1');
}

/** Reads a file of `pages/`, which contains the browser code and styles. */
export function pageFile(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'pages', name), 'utf8');
}
