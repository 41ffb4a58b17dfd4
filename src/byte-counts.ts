/** `4.45 GB`: three significant digits, decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

const DECIMAL_UNITS = ['b', 'kb', 'mb', 'gb', 'tb'];
const BINARY_UNITS = ['b', 'kib', 'mib', 'gib', 'tib'];

/** `1073741824`, `4GB` (10⁹ each), `1.5 GiB` (2³⁰ each): whole bytes from 1, rounded down; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgt]?i?b)?$/i.exec(text) ?? [];
  const name = unit.toLowerCase() || 'b';
  const scale = BINARY_UNITS.includes(name) ? 1024 ** BINARY_UNITS.indexOf(name) : 1000 ** DECIMAL_UNITS.indexOf(name);
  const bytes = Math.floor(Number(number) * scale);
  const known = BINARY_UNITS.includes(name) || DECIMAL_UNITS.includes(name);
  return Number.isSafeInteger(bytes) && bytes >= 1 && known ? bytes : undefined;
}
