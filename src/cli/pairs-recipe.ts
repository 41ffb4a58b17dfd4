import { type Command, Option } from 'commander';
import { importCheckpoints, TRAINERS, type TrainerName, writeRecipe } from '../recipes/index.js';
import { type Io, print } from './io.js';
import { forceOption, jsonOption, wholeNumber } from './options.js';
import { showProgress } from './progress.js';
import { counted, list } from './table.js';

interface RecipeOptions {
  config: string;
  trainer: TrainerName;
  out: string;
  template?: string;
  maxLength?: number;
  force?: boolean;
  json?: boolean;
}

interface ImportOptions {
  config: string;
  out: string;
  base?: string;
  last?: number;
  force?: boolean;
  json?: boolean;
}

const configOption = () =>
  new Option('--config <file>', 'configuration file of dnd finetune: base, tasks, settings').makeOptionMandatory();

export function addRecipe(pairs: Command, io: Io): void {
  pairs
    .command('recipe')
    .description('Write a folder with which LLaMA-Factory or TRL collects checkpoints of a large base model.')
    .addOption(configOption())
    .addOption(new Option('--trainer <name>', 'trainer').choices(TRAINERS).makeOptionMandatory())
    .requiredOption('--out <folder>', 'output folder of the recipe')
    .option('--template <name>', "LLaMA-Factory's name of the base's chat template, such as qwen or llama3")
    .option('--max-length <n>', 'tokens after which examples are cut (default: 2048)', wholeNumber(1))
    .addOption(forceOption('recipe'))
    .addOption(jsonOption())
    .action(async ({ json, ...options }: RecipeOptions) => {
      const recipe = await writeRecipe({ ...options, signal: io.signal });
      print(io, json, recipe, () =>
        list([
          ['recipe', recipe.out],
          ['runs', `${recipe.runs.length}`],
          ['start', `cd ${recipe.out} && ${recipe.command}`],
          ['then', `dnd pairs import ${recipe.out}/saves --config ${options.config} --out <pairs>`],
        ]),
      );
    });
}

export function addImport(pairs: Command, io: Io): void {
  pairs
    .command('import')
    .description('Take the checkpoints that another trainer wrote over into a pairs folder.')
    .argument('<folder>', 'folder with the output folder of each task, named after it: saves of a recipe')
    .addOption(configOption())
    .requiredOption('--out <folder>', 'output folder: a pairs folder')
    .option('--base <path>', 'base model: config.json, its folder, or a GGUF file')
    .option('--last <n>', 'only the newest n checkpoints of each task (default: all)', wholeNumber(1))
    .addOption(forceOption('pairs folder'))
    .addOption(jsonOption())
    .action(async (folder: string, { json, ...options }: ImportOptions) => {
      const { onProgress, stop } = showProgress(io, json);
      const imported = await importCheckpoints({
        ...{ ...options, from: folder, signal: io.signal },
        onProgress: (fraction) => onProgress(fraction, 'pairs'),
      }).finally(stop);
      const checkpoints = imported.tasks.reduce((sum, task) => sum + task.checkpoints, 0);
      print(io, json, imported, () =>
        list([
          ['pairs', imported.out],
          ['tasks', `${imported.tasks.length}, with ${counted(checkpoints, 'checkpoint')}`],
          ['check', `dnd pairs check ${imported.out}`],
        ]),
      );
    });
}
