/** A row of the table under "Modules" in docs/architecture.md. */
export interface Module {
  /** Folders, which end in a slash and mean the files directly in them, or files; the first names the module. */
  paths: string[];
  allowed: string[];
}

/** Reads the rows. Throws for a cell that is anything but paths in backticks with commas between them. */
export function readModuleTable(markdown: string): Module[] {
  const section = /^## Modules\n(.*?)(?=^## |(?![\s\S]))/ms.exec(markdown)?.[1];
  if (section === undefined) throw new Error('there is no section "## Modules"');
  const [heading, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  if (cellsOf(heading ?? '').at(-1) !== 'allowed dependencies') {
    throw new Error('the last column of the table of modules is not "allowed dependencies"');
  }
  return rows.map((row) => {
    const cells = cellsOf(row);
    const allowed = cells.at(-1) ?? '';
    return { paths: pathsOf(cells[0] ?? '', row), allowed: allowed === 'none' ? [] : pathsOf(allowed, row) };
  });
}

function cellsOf(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function pathsOf(cell: string, row: string): string[] {
  return cell.split(',').map((part) => {
    const path = /^`([\w./-]+)`$/.exec(part.trim())?.[1];
    if (path === undefined) throw new Error(`"${cell}" is not a list of paths in backticks, in the row ${row}`);
    return path;
  });
}
