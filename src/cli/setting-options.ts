import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkSettings, type Setting, type SettingTable } from '../settings/index.js';
import { byteCount, commaSeparated, json, wholeNumber } from './options.js';

/** A flag for each setting of a run: `--learning-rate` for `learningRate`. */
export function addSettingOptions<Settings extends object>(command: Command, table: SettingTable<Settings>): void {
  for (const name of Object.keys(table) as (keyof Settings & string)[])
    command.addOption(optionOf(name, table[name], (value) => checked(name, value, table)));
}

/** The settings that were given as flags. */
export function givenSettings<Settings extends object>(
  command: Command,
  table: SettingTable<Settings>,
): Partial<Settings> {
  const values = command.opts();
  const given = Object.keys(table).filter((name) => command.getOptionValueSource(name) === 'cli');
  return Object.fromEntries(given.map((name) => [name, values[name]])) as Partial<Settings>;
}

function optionOf(
  name: string,
  { kind, about, default: defaultValue }: Setting,
  check: (value: unknown) => unknown,
): Option {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (kind.is === 'boolean')
    return new Option(defaultValue === true ? `--no-${flag}` : `--${flag}`, aboutFlag(about, defaultValue));
  const described = defaultValue === undefined ? about : `${about} (default: ${defaultValue})`;
  const option = (placeholder: string) => new Option(`--${flag} <${placeholder}>`, described);
  switch (kind.is) {
    case 'path':
      return option('path');
    case 'text':
      return option('text');
    case 'choice':
      return option('name').choices(kind.of);
    case 'whole':
      return option('n').argParser(wholeNumber(kind.from, kind.to));
    case 'bytes':
      return option('bytes').argParser(byteCount);
    case 'names':
      return option('names').argParser((text) => (text === 'none' ? [] : commaSeparated(text)));
    case 'features':
      return option('json').argParser((text) => check(json(text)));
    case 'number':
      return option('number').argParser((text) => check(text.trim() === '' ? Number.NaN : Number(text)));
    case 'device':
      return option('name').argParser((text) => check(text));
  }
}

function aboutFlag(about: string, defaultValue: Setting['default']): string {
  return defaultValue === true ? `do not ${about}` : about;
}

/** Commander reports a rejected value as a usage error with its flag. */
function checked<Settings extends object>(name: string, value: unknown, table: SettingTable<Settings>): unknown {
  try {
    return checkSettings({ [name]: value }, table, 'the flag')[name as keyof Settings];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message.replace(/^the flag: /, ''));
  }
}
