import { InvalidArgumentError, Option } from 'commander';
import { ALGORITHM_CHOICES, checkDevice, type Device, PRECISIONS, parseBytes } from '../engine/index.js';
import { parseJsonText } from '../files/index.js';
import { FIELD_DESCRIPTIONS } from '../prompts/index.js';

/** Parsers of option values. Commander reports a rejected value as a usage error with its option. */

export function wholeNumber(smallest: number, largest = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= smallest && value <= largest) return value;
    const to = largest === Number.MAX_SAFE_INTEGER ? '' : ` to ${largest}`;
    throw new InvalidArgumentError(`it must be a whole number from ${smallest}${to}`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0');
}

export function json(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    throw new InvalidArgumentError(`expected JSON: ${(error as Error).message}`);
  }
}

/** Of comma-separated whole numbers. */
export function wholeNumbers(smallest: number): (text: string) => number[] {
  return (text) => commaSeparated(text).map(wholeNumber(smallest));
}

export function commaSeparated(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.every(Boolean)) return items;
  throw new InvalidArgumentError('expected comma-separated names');
}

/** `1073741824`, `4GB` (10⁹ each), `1.5 GiB` (2³⁰ each): whole bytes, rounded down. */
export function byteCount(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('expected a positive number of bytes, such as 1073741824, 4GB or 512MiB');
}

function deviceName(text: string): Device {
  try {
    checkDevice({ device: text });
    return text as Device;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Options that several commands have. */
export const jsonOption = () => new Option('--json', 'print only the result, as JSON, on standard output');
export const threadsOption = () =>
  new Option('--threads <n>', 'number of threads (default: DND_THREADS, else all usable CPUs)').argParser(
    wholeNumber(1),
  );
export const deviceOption = () =>
  new Option(
    '--device <name>',
    'compute device: auto, cpu, cuda or cuda:N; auto uses a CUDA device if one works, else the CPU',
  )
    .argParser(deviceName)
    .default('auto');
export const precisionOption = () =>
  new Option(
    '--precision <name>',
    'fp32: float32 accuracy on a CUDA device; bf16: bfloat16 products on a CPU with AVX512-BF16',
  ).choices([...PRECISIONS]);
export const algorithmOption = (what: string) =>
  new Option('--algorithm <name>', `${what}; auto: the one predicted to be faster`)
    .choices(ALGORITHM_CHOICES)
    .default('auto');
/** How prompt files are read: `PromptFields`. */
export const promptFieldOption = () => new Option('--prompt-field <name>', FIELD_DESCRIPTIONS.promptField);
export const responseFieldOption = () => new Option('--response-field <name>', FIELD_DESCRIPTIONS.responseField);
export const promptSystemOption = () => new Option('--system <text>', FIELD_DESCRIPTIONS.system);
export const forceOption = (what: string) => new Option('--force', `replace an existing ${what}`);
