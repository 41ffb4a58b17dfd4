import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TINY_BASE, TINY_SETTINGS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd } from './run-cli.js';

type Argument = string | number;

/**
 * A temporary folder for every test, with a tiny base model in `base`; generators go to `generator`, adapters to
 * `adapter`.
 */
export function useWorkshop() {
  const temporary = useTemporaryFolder();
  const at = (...names: string[]) => join(temporary(), ...names);

  beforeEach(async () => {
    const config = {
      _name_or_path: TINY_BASE.name,
      model_type: TINY_BASE.modelType,
      hidden_size: TINY_BASE.hidden,
      num_attention_heads: TINY_BASE.heads,
      num_key_value_heads: TINY_BASE.kvHeads,
      intermediate_size: TINY_BASE.intermediate,
      num_hidden_layers: TINY_BASE.layers,
    };
    await mkdir(at('base'));
    await writeFile(at('base', 'config.json'), JSON.stringify(config));
  });

  const initArguments = (...more: Argument[]): Argument[] => {
    const { encoder, features, kernelSize, rank } = TINY_SETTINGS;
    const decoder = ['--features', JSON.stringify(features), '--kernel-size', kernelSize, '--rank', rank];
    return ['init', '--base', at('base'), '--encoder', encoder, ...decoder, '--out', at('generator'), ...more];
  };

  return {
    at,
    initArguments,
    async init(...more: Argument[]): Promise<void> {
      const { code, stderr } = await dnd(initArguments(...more));
      if (code !== 0) throw new Error(stderr);
    },
    async promptFile(name: string, content: string | Uint8Array): Promise<string> {
      await writeFile(at(name), content);
      return at(name);
    },
    generateArguments: (prompts: readonly string[], ...more: Argument[]): Argument[] => {
      return ['generate', '--generator', at('generator'), '--prompts', ...prompts, '--out', at('adapter'), ...more];
    },
  };
}
