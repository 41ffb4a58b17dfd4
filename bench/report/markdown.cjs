const { textOf } = require('./table.cjs');

const cellOf = (cell) => textOf(cell).replaceAll('|', '\\|');

/** A table as Markdown, its title above and its notes below: the first column to the left, numbers to the right. */
function markdownTable({ title, headings, rows, notes = [] }) {
  const line = (cells) => `| ${cells.map(cellOf).join(' | ')} |`;
  const table = [
    line(headings),
    `|${headings.map((_, column) => (column === 0 ? '---' : '--:')).join('|')}|`,
    ...rows.map(line),
  ];
  return [`**${title}**`, '', ...table, ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : [])].join(
    '\n',
  );
}

module.exports = { markdownTable };
