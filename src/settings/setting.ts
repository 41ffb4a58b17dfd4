/** The type of a setting's value, checked by `checkSettings`. */
export type SettingKind =
  | { is: 'path' }
  | { is: 'text' }
  | { is: 'choice'; of: readonly string[] }
  | { is: 'whole'; from: number; to?: number }
  /** A number from `from` (with `above`: greater than it) and below `below`. */
  | { is: 'number'; from: number; above?: boolean; below?: number }
  | { is: 'boolean' }
  | { is: 'bytes' }
  | { is: 'names' }
  | { is: 'features' }
  | { is: 'device' };

export interface Setting {
  kind: SettingKind;
  /** A setting without a default is optional unless `required`. */
  default?: string | number | boolean;
  required?: true;
  /** Whether changing the value would change the weights, so that a run cannot be resumed with another one. */
  affectsWeights: boolean;
  /** For the help of the command. */
  about: string;
}

/** The settings of a kind of run, in the order of its help. Files use these names, flags the hyphenated form. */
export type SettingTable<Settings> = Readonly<Record<keyof Settings & string, Setting>>;
