"""The real thing: the full-size decoder for Qwen2.5-0.5B in training, with MiniLM's real weights, real prompts and random
adapters: two steps with one checkpoint each, 8-bit moments, within 20 GB; the second one again after `--resume`.

By hand, on a machine with 24 GB that does nothing else: scripts/test-interop.sh full_size_train. Takes 25 GB of disk."""

import hashlib
import json
import math
import sys
import time
from pathlib import Path

import torch
from qwen import BASE, WIDTHS
from report import ROOT, SHARED, check, dnd, finish, note
from safetensors.torch import save_file

work, encoder = Path(sys.argv[1]), Path(sys.argv[2])
PRESET = "qwen2.5-0.5b-common-sense"
LIMIT_BYTES = 20_000_000_000
RANK, ALPHA, LAYERS = 8, 16, 24
CHECKPOINTS = 3
MOVED = 2e-3  # by how much fine-tuning moves an element of B, which begins at 0


def write_checkpoint(folder, generator):
    """A as PEFT initialises it, B a little away from 0."""
    tensors = {}
    for layer in range(LAYERS):
        for module, (inner, outer) in WIDTHS.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            bound = inner**-0.5
            tensors[f"{name}.lora_A.weight"] = (torch.rand(RANK, inner, generator=generator) * 2 - 1) * bound
            tensors[f"{name}.lora_B.weight"] = torch.randn(outer, RANK, generator=generator) * MOVED
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(
        json.dumps(
            {
                "peft_type": "LORA",
                "task_type": "CAUSAL_LM",
                "r": RANK,
                "lora_alpha": ALPHA,
                "bias": "none",
                "target_modules": [module.split(".")[1] for module in WIDTHS],
            }
        )
    )


def real_prompts():
    shared = {name: SHARED / f"data/prompts/{name}.json" for name in ("ARC-c_test", "BoolQ_validation")}
    if all(path.exists() for path in shared.values()):
        return {name: json.loads(path.read_text()) for name, path in shared.items()}
    note(f"the prompts of {SHARED} are not here: the committed GSM8K prompts stand in for them")
    return {"GSM8K": json.loads((ROOT / "examples/prompts/gsm8k.json").read_text())}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(checkpoint):
    return {path.name: digest(path) for path in sorted(checkpoint.glob("*.safetensors"))}


def steps_of(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "step" in line]


pairs = work / "pairs"
generator = torch.Generator().manual_seed(1)
for task, items in real_prompts().items():
    for number in range(1, CHECKPOINTS + 1):
        write_checkpoint(pairs / task / "checkpoints" / f"checkpoint-{number}", generator)
    (pairs / task / "prompts.json").write_text(json.dumps(items))
    note(f"task {task}: {len(items)} prompts, {CHECKPOINTS} checkpoints")
(pairs / "pairs.json").write_text(json.dumps({"formatVersion": 1, "base": json.loads(BASE.read_text())}))

settings = [
    *("--pairs", pairs, "--preset", PRESET, "--encoder", encoder, "--moments", "8bit", "--memory-limit", LIMIT_BYTES),
    *("--steps", 2, "--batch", 1, "--checkpoint-every", 1, "--keep-checkpoints", 2, "--evaluate-every", 0),
]
run = work / "run"
for line in dnd("train", *settings, "--out", run, "--dry-run").must_succeed().stdout.splitlines():
    note(line)

began = time.monotonic()
trained = dnd("train", *settings, "--out", run).must_succeed()
note(f"dnd train took {time.monotonic() - began:.0f} s")
check(
    "peak memory of dnd train",
    trained.peak_bytes <= LIMIT_BYTES,
    f"{trained.peak_bytes / 1e9:.2f} GB ≤ {LIMIT_BYTES / 1e9} GB",
)
steps = steps_of(run)
for step in steps:
    note(
        f"step {step['step']}: loss {step['loss']:.6f}, gradient norm {step['gradientNorm']:.4f}, "
        f"{step['seconds']:.1f} s, of which {step['dataSeconds']:.1f} s waiting for data"
    )
check(
    "two steps whose losses and gradient norms are finite",
    [step["step"] for step in steps] == [1, 2]
    and all(math.isfinite(step[key]) for step in steps for key in ("loss", "gradientNorm")),
)

first, second = (run / "checkpoints" / f"step-{step:06}" for step in (1, 2))
check("a checkpoint after each", first.is_dir() and second.is_dir())
expected = digests(second)
check("the second step changed the weights", digests(first) != expected)
# As if the process had been killed during the second step.
for path in sorted(second.rglob("*"), reverse=True):
    path.rmdir() if path.is_dir() else path.unlink()
second.rmdir()
began = time.monotonic()
resumed = dnd("train", "--resume", run).must_succeed()
note(f"dnd train --resume took {time.monotonic() - began:.0f} s")
check(
    "peak memory of dnd train --resume",
    resumed.peak_bytes <= LIMIT_BYTES,
    f"{resumed.peak_bytes / 1e9:.2f} GB ≤ {LIMIT_BYTES / 1e9} GB",
)
check(
    "resumed after the first step, the second gives the same bytes",
    digests(second) == expected,
    ", ".join(f"{name} {value[:12]}" for name, value in expected.items()),
)
untimed = [{key: value for key, value in step.items() if "econds" not in key} for step in steps]
again = [{key: value for key, value in step.items() if "econds" not in key} for step in steps_of(run)]
check("and the same metrics", again == untimed)

finish()
