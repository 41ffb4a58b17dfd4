import type { RecipeParts } from './llama-factory.js';
import type { RecipeRun } from './plan.js';

/**
 * The files of a recipe for TRL, by path: recipe.json, the data as conversational prompt–completion pairs, and train.py,
 * which makes the runs. Keys: those of SFTConfig, of transformers' TrainingArguments and of PEFT's LoraConfig.
 */
export function trlFiles({ base, settings, runs, data, maxLength }: RecipeParts): Map<string, string> {
  const { rank, alpha, useRslora, modules, system, seed } = settings;
  const { microBatch, beta1, beta2, eps, weightDecay, maxGradientNorm } = settings;
  const recipe = {
    base,
    seed,
    lora: {
      task_type: 'CAUSAL_LM',
      r: rank,
      lora_alpha: alpha,
      lora_dropout: 0,
      use_rslora: useRslora,
      target_modules: modules,
    },
    training: {
      completion_only_loss: true,
      max_length: maxLength,
      packing: false,
      save_only_model: true,
      logging_steps: 10,
      report_to: 'none',
      adam_beta1: beta1,
      adam_beta2: beta2,
      adam_epsilon: eps,
      weight_decay: weightDecay,
      max_grad_norm: maxGradientNorm,
      seed,
    },
    runs: runs.map((run) => ({
      ...{ name: run.name, data: run.data, from: run.from, output: run.output },
      training: trainingOf(run, microBatch),
    })),
  };
  const files = new Map([
    ['recipe.json', `${JSON.stringify(recipe, null, 2)}\n`],
    ['train.py', PROGRAM],
  ]);
  for (const [name, items] of data) {
    const before = system === undefined ? [] : [{ role: 'system', content: system }];
    const lines = items.map(({ prompt, response }) =>
      JSON.stringify({
        prompt: [...before, { role: 'user', content: prompt }],
        completion: [{ role: 'assistant', content: response }],
      }),
    );
    files.set(`data/${name}.jsonl`, `${lines.join('\n')}\n`);
  }
  return files;
}

function trainingOf(run: RecipeRun, microBatch: number): Record<string, unknown> {
  const together = Math.min(microBatch, run.batch);
  return {
    max_steps: run.steps,
    learning_rate: run.learningRate,
    lr_scheduler_type: run.schedule,
    warmup_steps: run.warmupSteps,
    per_device_train_batch_size: together,
    gradient_accumulation_steps: Math.ceil(run.batch / together),
    save_strategy: run.saveEvery === null ? 'no' : 'steps',
    ...(run.saveEvery === null ? {} : { save_steps: run.saveEvery }),
  };
}

const PROGRAM = `"""Written by dnd pairs recipe. Makes the runs of recipe.json with TRL; those that are finished are skipped."""

import json
from pathlib import Path

from datasets import load_dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

here = Path(__file__).resolve().parent
recipe = json.loads((here / "recipe.json").read_text(encoding="utf-8"))

for run in recipe["runs"]:
    output = here / run["output"]
    if (output / "adapter_model.safetensors").exists():
        continue
    print(f"run {run['name']}")
    # The same seed gives every fresh adapter the same start.
    set_seed(recipe["seed"])
    model = AutoModelForCausalLM.from_pretrained(recipe["base"], dtype="auto")
    if run["from"] is None:
        model = get_peft_model(model, LoraConfig(**recipe["lora"]))
    else:
        model = PeftModel.from_pretrained(model, str(here / run["from"]), is_trainable=True)
    files = [str(here / "data" / f"{name}.jsonl") for name in run["data"]]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(output_dir=str(output), **recipe["training"], **run["training"]),
        train_dataset=load_dataset("json", data_files=files, split="train"),
        processing_class=AutoTokenizer.from_pretrained(recipe["base"]),
    )
    trainer.train()
    trainer.save_model(str(output))
`;
