export { counted, grouped, table } from '../text-table.js';

/** Two columns: name and value. */
export function list(entries: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Three or four significant digits: 0.0213, 3.1e-7, 152; - for null. */
export function shortNumber(value: number | null): string {
  if (value === null) return '-';
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  return magnitude >= 1e-3 && magnitude < 1e5
    ? String(Number(value.toPrecision(4)))
    : Number(value.toPrecision(3)).toExponential();
}
