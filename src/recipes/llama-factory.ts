import { DndError } from '../errors.js';
import type { ResolvedSettings } from '../finetuning/index.js';
import type { PromptItem } from '../prompts/index.js';
import type { RecipeRun } from './plan.js';

/** What a trainer's files are made from. */
export interface RecipeParts {
  /** Path or Hugging Face id. */
  base: string;
  settings: ResolvedSettings;
  runs: readonly RecipeRun[];
  /** By name. */
  data: ReadonlyMap<string, readonly PromptItem[]>;
  /** Longer examples are cut, tokens. */
  maxLength: number;
}

/**
 * The files of a recipe for LLaMA-Factory, by path: a YAML file for each run, the data with its dataset_info.json, and
 * run.sh. Keys: those of LLaMA-Factory's hparams and of transformers' TrainingArguments.
 * @param template LLaMA-Factory's name of the base's chat template, such as `qwen`
 * @throws DndError INVALID_ARGUMENT for an alpha that it cannot express
 */
export function llamaFactoryFiles(parts: RecipeParts, template: string): Map<string, string> {
  const { settings, runs, data } = parts;
  if (!Number.isInteger(settings.alpha))
    throw new DndError(
      'INVALID_ARGUMENT',
      `alpha: LLaMA-Factory has only whole numbers; expected one, got ${settings.alpha}. Change it, or use TRL`,
    );
  const files = new Map(runs.map((run) => [configPath(run), yaml(configOf(run, parts, template))]));
  const info: Record<string, unknown> = {};
  for (const [name, items] of data) {
    const { system } = settings;
    const examples = items.map(({ prompt, response }) => ({
      ...{ instruction: prompt, input: '', output: response },
      ...(system === undefined ? {} : { system }),
    }));
    files.set(`data/${name}.json`, `${JSON.stringify(examples, null, 1)}\n`);
    const columns = { prompt: 'instruction', query: 'input', response: 'output' };
    info[name] = {
      file_name: `${name}.json`,
      columns: system === undefined ? columns : { ...columns, system: 'system' },
    };
  }
  files.set('data/dataset_info.json', `${JSON.stringify(info, null, 2)}\n`);
  return files.set('run.sh', script(runs));
}

function configPath({ name }: RecipeRun): string {
  return `configs/${name}.yaml`;
}

function configOf(
  run: RecipeRun,
  { base, settings, maxLength }: RecipeParts,
  template: string,
): Record<string, unknown> {
  const { rank, alpha, useRslora, modules, microBatch, beta1, beta2, eps, weightDecay, maxGradientNorm, seed } =
    settings;
  const together = Math.min(microBatch, run.batch);
  return {
    model_name_or_path: base,
    ...(run.from === null ? {} : { adapter_name_or_path: run.from }),
    stage: 'sft',
    do_train: true,
    finetuning_type: 'lora',
    lora_rank: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    lora_target: modules.join(','),
    use_rslora: useRslora,
    dataset_dir: 'data',
    dataset: run.data.join(','),
    template,
    cutoff_len: maxLength,
    output_dir: run.output,
    // Of a run that was stopped, which starts again.
    overwrite_output_dir: true,
    save_strategy: run.saveEvery === null ? 'no' : 'steps',
    ...(run.saveEvery === null ? {} : { save_steps: run.saveEvery }),
    save_only_model: true,
    logging_steps: 10,
    report_to: 'none',
    per_device_train_batch_size: together,
    gradient_accumulation_steps: Math.ceil(run.batch / together),
    max_steps: run.steps,
    learning_rate: run.learningRate,
    lr_scheduler_type: run.schedule,
    warmup_steps: run.warmupSteps,
    adam_beta1: beta1,
    adam_beta2: beta2,
    adam_epsilon: eps,
    weight_decay: weightDecay,
    max_grad_norm: maxGradientNorm,
    bf16: true,
    seed,
  };
}

function yaml(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}: ${typeof value === 'number' ? yamlNumber(value) : JSON.stringify(value)}\n`)
    .join('');
}

/** YAML 1.1, which Python reads, takes 1e-7 for a text. */
function yamlNumber(value: number): string {
  return String(value).replace(/^(-?\d+)e/, '$1.0e');
}

/** A name may contain anything that a folder's may. */
function script(runs: readonly RecipeRun[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = runs.map(
    (run) =>
      `[ -f ${quoted(`${run.output}/adapter_model.safetensors`)} ] || llamafactory-cli train ${quoted(configPath(run))}`,
  );
  return `#!/bin/sh
# Written by dnd pairs recipe. Runs that are finished are skipped.
set -e
cd "$(dirname "$0")"
${lines.join('\n')}
`;
}
