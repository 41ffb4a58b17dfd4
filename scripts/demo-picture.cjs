#!/usr/bin/env node
// Records what `dnd demo` prints as a picture of a terminal, docs/demo.svg, for the README. Needs a built package.
//   node scripts/demo-picture.cjs
// test/cli/demo.test.ts compares the text of the picture with what the command prints.
const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
const COLUMNS = 80;
/** Pixels: of a character at 14 px of a monospaced font, of a line, around the text. */
const [CHARACTER, LINE, MARGIN] = [8.43, 19, 18];
/** Seconds until a line appears after the one above, and the pause before each part of the demo. */
const [PACE, PAUSE] = [0.06, 0.9];

const COLOURS = [
  [/^\$ /, 'command'],
  [/^\d\. /, 'heading'],
  [/^ {3}base /, 'base'],
  [/^ {3}adapted /, 'adapted'],
  [/→ an adapter/, 'drop'],
];

const escaped = (text) => text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

/** Spaces at the start of SVG text are lost, so that lines are indented by their position. */
function lineElement(line, index, delay) {
  const style = COLOURS.find(([pattern]) => pattern.test(line))?.[1] ?? 'plain';
  const indent = line.length - line.trimStart().length;
  const x = (MARGIN + indent * CHARACTER).toFixed(1);
  const y = MARGIN + 14 + index * LINE;
  return `<text class="${style}" style="animation-delay:${delay.toFixed(2)}s" x="${x}" y="${y}" xml:space="preserve">${escaped(line.trimStart())}</text>`;
}

function pictureOf(lines) {
  const width = Math.ceil(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  let delay = 0.2;
  const elements = lines.map((line, index) => {
    delay += /^\d\. |^Keep /.test(line) ? PAUSE : PACE;
    return line === '' ? '' : lineElement(line, index, delay);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="A terminal with the output of npm run demo">
<style>
rect { fill: #101418 }
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #c9d1d9; animation: appear 0.3s both }
.command { fill: #8b949e }
.heading { fill: #79c0ff; font-weight: bold }
.base { fill: #ff7b72 }
.adapted { fill: #7ee787; font-weight: bold }
.drop { fill: #f2cc60; font-weight: bold }
@keyframes appear { from { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { text { animation: none } }
</style>
<rect width="100%" height="100%" rx="8"/>
${elements.filter(Boolean).join('\n')}
</svg>
`;
}

const printed = execFileSync(process.execPath, [join(ROOT, 'dist', 'cli', 'main.js'), 'demo'], { encoding: 'utf8' });
writeFileSync(join(ROOT, 'docs', 'demo.svg'), pictureOf(['$ npm run demo', '', ...printed.trimEnd().split('\n')]));
console.log('docs/demo.svg');
