import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkSettings } from '../training/check-setting.js';
import { SETTING_NAMES, SETTINGS, type Setting, type TrainingSettings } from '../training/settings.js';
import { byteCount, commaSeparated, json, wholeNumber } from './options.js';

/** A flag for each setting of a training run: `--learning-rate` for `learningRate`. */
export function addSettingOptions(command: Command): void {
  for (const name of SETTING_NAMES) command.addOption(optionOf(name, SETTINGS[name]));
}

/** The settings that were given as flags. */
export function givenSettings(command: Command): Partial<TrainingSettings> {
  const values = command.opts();
  const given = SETTING_NAMES.filter((name) => command.getOptionValueSource(name) === 'cli');
  return Object.fromEntries(given.map((name) => [name, values[name]])) as Partial<TrainingSettings>;
}

function optionOf(name: keyof TrainingSettings, { kind, about, default: defaultValue }: Setting): Option {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (kind.is === 'boolean')
    return new Option(defaultValue === true ? `--no-${flag}` : `--${flag}`, aboutFlag(about, defaultValue));
  const described = defaultValue === undefined ? about : `${about} (default: ${defaultValue})`;
  const option = (placeholder: string) => new Option(`--${flag} <${placeholder}>`, described);
  switch (kind.is) {
    case 'path':
      return option('path');
    case 'choice':
      return option('name').choices(kind.of);
    case 'whole':
      return option('n').argParser(wholeNumber(kind.from, kind.to));
    case 'bytes':
      return option('bytes').argParser(byteCount);
    case 'names':
      return option('names').argParser((text) => (text === 'none' ? [] : commaSeparated(text)));
    case 'features':
      return option('json').argParser((text) => checked(name, json(text)));
    case 'number':
      return option('number').argParser((text) => checked(name, text.trim() === '' ? Number.NaN : Number(text)));
    case 'device':
      return option('name').argParser((text) => checked(name, text));
  }
}

function aboutFlag(about: string, defaultValue: Setting['default']): string {
  return defaultValue === true ? `do not ${about}` : about;
}

/** Commander reports a rejected value as a usage error with its flag. */
function checked(name: keyof TrainingSettings, value: unknown): unknown {
  try {
    return checkSettings({ [name]: value }, 'the flag')[name];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message.replace(/^the flag: /, ''));
  }
}
