/** A name from a file, for an error message: quoted, control characters escaped, cut where it is endless. */
export function quote(name: string): string {
  return JSON.stringify(name.length <= 200 ? name : `${name.slice(0, 200)}…`);
}
