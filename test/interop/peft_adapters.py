"""Real PEFT loads the adapters that this package generates: no warning, no stray key, the logits of our own merge."""

import shutil
import sys
from pathlib import Path

import torch
from bases import CLASSES, CONFIGS, add_merge, load_adapter, logits_of, random_base, token_ids
from report import ROOT, bridge, check, dnd, finish
from safetensors.torch import load_file, save_file

work = Path(sys.argv[1])
PROMPTS = ROOT / "examples/prompts/gsm8k.json"
LENGTH, CHANNELS, PROMPT_COUNT = 24, 32, 8
TOLERANCE = 1e-5

# base, rank, alpha, modules, dtype of the file, dtype of the base model
CASES = [
    ("qwen2", 8, 16, None, "bf16", torch.float32),
    ("qwen2", 4, 4, "q_proj,v_proj", "f32", torch.float64),
    ("qwen2", 6, 9, "gate_proj,up_proj,down_proj", "f16", torch.float64),
    ("llama", 8, 16, None, "f32", torch.float64),
    ("llama", 16, 8, None, "bf16", torch.float32),
    ("llama", 3, 6, "k_proj,o_proj,down_proj", "bf16", torch.float64),
]
WRITTEN = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def generate(folder, family, rank, alpha, modules, dtype, rslora):
    """`dnd init` + `dnd generate` for a base that is only a config.json; returns the adapter's folder."""
    base = folder / "base"
    CONFIGS[family].save_pretrained(base)
    layout = bridge("layout", base, rank=rank, modules=modules.split(",") if modules else None)
    features = [
        [PROMPT_COUNT, LENGTH, CHANNELS],
        [PROMPT_COUNT, 16, 24],
        [layout["tokenCount"], layout["tokenHeight"], layout["tokenWidth"]],
    ]
    options = [*(["--modules", modules] if modules else []), *(["--rslora"] if rslora else [])]
    dnd(
        "init", "--base", base, "--encoder", "hash", "--features", features, "--kernel-size", 3, "--max-length", LENGTH,
        "--rank", rank, "--alpha", alpha, *options, "--out", folder / "generator",
    ).must_succeed()  # fmt: skip
    dnd(
        "generate",
        "--generator",
        folder / "generator",
        "--prompts",
        PROMPTS,
        "--dtype",
        dtype,
        "--out",
        folder / "adapter",
    ).must_succeed()
    return folder / "adapter"


def check_adapter(name, family, adapter, base_dtype):
    config, model_class = CONFIGS[family], CLASSES[family]
    ids = token_ids(config.vocab_size)
    plain = logits_of(random_base(config, model_class, base_dtype), ids)
    model, wrong = load_adapter(random_base(config, model_class, base_dtype), adapter)
    check(f"{name}: PEFT loads it without a warning, a missing or an unexpected key", not wrong, "; ".join(wrong)[:300])

    bridge("merge", adapter, adapter.parent / "merge.safetensors")
    merged = add_merge(random_base(config, model_class, base_dtype), load_file(adapter.parent / "merge.safetensors"))
    adapted = logits_of(model, ids)
    difference = (adapted - logits_of(merged, ids)).abs().max().item()
    effect = (adapted - plain).abs().max().item()
    check(f"{name}: logits equal those of our own merge", difference <= TOLERANCE, f"{difference:.1e} ≤ {TOLERANCE}")
    check(f"{name}: the adapter is not without effect", effect > 100 * TOLERANCE, f"moves logits by {effect:.2g}")
    return adapted


for family, rank, alpha, modules, dtype, base_dtype in CASES:
    case = f"{family} r={rank} {modules or 'all modules'} {dtype} on a {str(base_dtype).removeprefix('torch.')} base"
    logits = {}
    for rslora in (False, True):
        name = f"{case}, rsLoRA" if rslora else case
        adapter = generate(
            work / f"{family}-{rank}{'-rslora' if rslora else ''}", family, rank, alpha, modules, dtype, rslora
        )
        tensors = load_file(adapter / "adapter_model.safetensors")
        check(
            f"{name}: tensors are written as {dtype}",
            {tensor.dtype for tensor in tensors.values()} == {WRITTEN[dtype]},
            f"{len(tensors)} tensors",
        )
        logits[rslora] = check_adapter(name, family, adapter, base_dtype)
    check(f"{case}: rsLoRA scales differently", (logits[False] - logits[True]).abs().max().item() > 100 * TOLERANCE)

# If a lost tensor went unnoticed here, the checks above would mean nothing.
lossy = shutil.copytree(work / "qwen2-8/adapter", work / "lossy")
tensors = load_file(lossy / "adapter_model.safetensors")
lost = sorted(tensors)[3]
del tensors[lost]
save_file(tensors, lossy / "adapter_model.safetensors", metadata={"format": "pt"})
_, wrong = load_adapter(random_base(CONFIGS["qwen2"], CLASSES["qwen2"], torch.float32), lossy)
check(
    "a tensor that an adapter lacks would be complained about",
    any(lost.split(".lora_")[0] in sentence for sentence in wrong),
)

finish()
