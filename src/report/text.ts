/** Three significant digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(3)));
}

/** A share of 1, in per cent. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '–';
}

/** From the first value of a curve to the last. */
export function change(from: number, to: number): string {
  const difference = Math.round(100 * Math.abs(1 - to / from));
  const how = difference === 0 ? 'unchanged' : to < from ? `down by ${difference} %` : `up by ${difference} %`;
  return `${short(from)} at first, ${short(to)} now, ${how}`;
}
