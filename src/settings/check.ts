import { checkDevice, parseBytes } from '../engine/index.js';
import { DndError } from '../errors.js';
import {
  invalidValue,
  isObject,
  isText,
  isWholeNumber,
  nearest,
  quote,
  wholeNumberRange,
} from '../validation/index.js';
import type { SettingKind, SettingTable } from './setting.js';

/**
 * Validates the settings in `values`; `undefined` counts as missing.
 * @param table which settings there are
 * @param source their source, such as a file: the prefix of messages
 * @throws DndError INVALID_ARGUMENT for an unknown name, with the nearest known one, and for an invalid value
 */
export function checkSettings<Settings extends object>(
  values: unknown,
  table: SettingTable<Settings>,
  source: string,
): Partial<Settings> {
  if (!isObject(values)) throw invalidValue('INVALID_ARGUMENT', source, 'a JSON object of settings', values);
  const checked: Record<string, unknown> = {};
  const names = Object.keys(table);
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(table, name))
      throw new DndError(
        'INVALID_ARGUMENT',
        `${source}: there is no setting ${quote(name)}; did you mean ${nearest(name, names)}?`,
      );
    if (value === undefined) continue;
    checked[name] = checkValue(value, table[name as keyof Settings & string].kind, `${source}: ${name}`);
  }
  return checked as Partial<Settings>;
}

/** The parsed value: bytes as a number. `where` names the setting in the message. */
function checkValue(value: unknown, kind: SettingKind, where: string): unknown {
  const refuse = (expected: string, at = where, found = value) => {
    throw invalidValue('INVALID_ARGUMENT', at, expected, found);
  };
  switch (kind.is) {
    case 'path':
      return isText(value) && !value.includes('\0') ? value : refuse('a path');
    case 'text':
      return isText(value) && !value.includes('\0') ? value : refuse('a text');
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse('true or false');
    case 'choice':
      if (kind.of.includes(value as string)) return value;
      return refuse(`one of ${kind.of.join(', ')}${suggestion(value, kind.of)}`);
    case 'whole':
      return isWholeNumber(value, kind.from, kind.to) ? value : refuse(wholeNumberRange(kind.from, kind.to));
    case 'number':
      return isNumber(value, kind) ? value : refuse(expectedNumber(kind));
    case 'bytes': {
      const bytes = typeof value === 'string' ? parseBytes(value) : value;
      return isWholeNumber(bytes, 1)
        ? bytes
        : refuse('a number of bytes from 1, such as 1073741824, "4GB" or "512MiB"');
    }
    case 'names':
      if (Array.isArray(value) && value.every(isText)) return value;
      return refuse('a list of names');
    case 'device':
      checkDevice({ device: value });
      return value;
    case 'features':
      if (!Array.isArray(value)) return refuse('a list of shapes [tokens, height, width]');
      for (const [index, shape] of value.entries())
        if (!Array.isArray(shape) || shape.length !== 3 || !shape.every((size) => isWholeNumber(size, 1)))
          refuse('[tokens, height, width], three whole numbers from 1', `${where}[${index}]`, shape);
      return value;
  }
}

function suggestion(value: unknown, choices: readonly string[]): string {
  return typeof value === 'string' && value !== '' ? ` (did you mean ${nearest(value, choices)}?)` : '';
}

function isNumber(value: unknown, { from, above, below }: SettingKind & { is: 'number' }): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return (above ? value > from : value >= from) && (below === undefined || value < below);
}

function expectedNumber({ from, above, below }: SettingKind & { is: 'number' }): string {
  return `a number ${above ? 'above' : 'from'} ${from}${below === undefined ? '' : ` and below ${below}`}`;
}
