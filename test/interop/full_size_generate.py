"""The real thing: MiniLM's real weights, 128 real prompts, the full-size decoder for Qwen2.5-0.5B → a PEFT folder."""

import hashlib
import json
import math
import sys
import time
from pathlib import Path

from qwen import BASE, WIDTHS
from report import ROOT, SHARED, check, dnd, finish, note
from safetensors import safe_open

work, encoder = Path(sys.argv[1]), Path(sys.argv[2])
PRESET = "qwen2.5-0.5b-common-sense"
PARAMETERS = 1_113_203_220
PEAK_BYTES = 6.5e9
PATIENCE_SECONDS = 150
BESIDE_BYTES = 0.4e9

prompts = SHARED / "data/prompts/ARC-c_test.json"
if not prompts.exists():
    note(f"{prompts} is not here: the committed GSM8K prompts stand in for it")
    prompts = ROOT / "examples/prompts/gsm8k.json"
note(f"prompts: {prompts.name}")

began = time.monotonic()
generator = work / "generator"
made = dnd(
    "init", "--base", BASE, "--preset", PRESET, "--encoder", encoder, "--seed", 0, "--out", generator
).must_succeed()
note(f"dnd init took {time.monotonic() - began:.0f} s, peak {made.peak_bytes / 1e9:.2f} GB")
elements = 0
for path in generator.glob("decoder*.safetensors"):
    with safe_open(path, "pt") as file:
        elements += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())
check("the decoder has the published number of parameters", elements == PARAMETERS, f"{elements:,}")
check("dnd init says that the generator is untrained", "untrained" in made.stdout + made.stderr)

digests = {}
spent = 0
for threads in (1, 2, 3):
    if threads == 3 and spent > PATIENCE_SECONDS:
        note("three threads are left out: the machine is slow")
        break
    began = time.monotonic()
    out = work / f"adapter-{threads}"
    run = dnd(
        "generate", "--generator", generator, "--prompts", prompts, "--seed", 7, "--threads", threads, "--out", out
    ).must_succeed()
    seconds = time.monotonic() - began
    spent += seconds
    note(f"dnd generate with {threads} thread(s) took {seconds:.0f} s")
    check(
        f"peak memory of dnd generate with {threads} thread(s)",
        run.peak_bytes <= PEAK_BYTES,
        f"{run.peak_bytes / 1e9:.2f} GB ≤ {PEAK_BYTES / 1e9} GB",
    )
    digests[threads] = hashlib.sha256((out / "adapter_model.safetensors").read_bytes()).hexdigest()

# A limit below what the decoder would use, with the condition and the tokens; its weights are mapped, and do not count.
limit = 0.35e9
run = dnd(
    "generate", "--generator", generator, "--prompts", prompts, "--memory-limit", int(limit), "--out", work / "limited"
).must_succeed()
check(
    "peak memory with a memory limit: weights, the limit, and encoder, condition and runtime beside it",
    run.peak_bytes <= 4 * PARAMETERS + limit + BESIDE_BYTES,
    f"{run.peak_bytes / 1e9:.2f} GB ≤ {4 * PARAMETERS / 1e9:.2f} + {limit / 1e9:.2f} + {BESIDE_BYTES / 1e9} GB",
)
refused = dnd(
    "generate", "--generator", generator, "--prompts", prompts, "--memory-limit", 50_000_000, "--out", work / "none"
)
check(
    "too little of it is refused, with the need",
    refused.code == 1 and "needs" in refused.stderr and "memoryLimitBytes" in refused.stderr,
    refused.stderr.strip().splitlines()[-1] if refused.stderr.strip() else "",
)

check(
    "the same bytes whatever the number of threads",
    len({*digests.values()}) == 1,
    ", ".join(f"{t}: {d[:12]}" for t, d in digests.items()),
)

expected = {}
for layer in range(24):
    for module, (inner, outer) in WIDTHS.items():
        expected[f"base_model.model.model.layers.{layer}.{module}.lora_A.weight"] = [8, inner]
        expected[f"base_model.model.model.layers.{layer}.{module}.lora_B.weight"] = [outer, 8]
with safe_open(work / "adapter-2/adapter_model.safetensors", "pt") as file:
    slices = {key: file.get_slice(key) for key in file.keys()}
    shapes = {key: list(part.get_shape()) for key, part in slices.items()}
    dtypes = {part.get_dtype() for part in slices.values()}
    spread = [file.get_tensor(key).float().std().item() for key in sorted(shapes)]
check("336 tensors of the right names", sorted(shapes) == sorted(expected), f"{len(shapes)} tensors")
check("of the right shapes", shapes == expected)
check("of dtype BF16", dtypes == {"BF16"}, ", ".join(sorted(dtypes)))
check("every tensor is finite and not constant", all(0 < value < float("inf") for value in spread))
config = json.loads((work / "adapter-2/adapter_config.json").read_text())
check(
    "adapter_config.json says rank 8, alpha 16, all seven modules",
    (config["r"], config["lora_alpha"], len(config["target_modules"])) == (8, 16, 7),
)

finish()
