"""Adapters that PEFT itself wrote: read value for value, and rewritten so that PEFT sees no difference."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from bases import CLASSES, CONFIGS, add_merge, base_from_golden, load_adapter, logits_of, random_base, token_ids
from peft import LoraConfig, get_peft_model
from report import ROOT, SHARED, bridge, check, finish, note
from safetensors import safe_open
from safetensors.torch import load_file

work = Path(sys.argv[1])
TOLERANCE = 1e-5


def check_values(name, folder):
    """Our reading of a folder against safetensors' own; returns the folder that we rewrote from it."""
    theirs = load_file(folder / "adapter_model.safetensors")
    ours = bridge("read-adapter", folder, work / name / "seen")
    same = sorted(ours["tensors"]) == sorted(theirs) and all(
        np.array_equal(np.fromfile(entry["float32"], np.float32), theirs[key].float().numpy().reshape(-1))
        and entry["shape"] == list(theirs[key].shape)
        for key, entry in ours["tensors"].items()
    )
    check(f"{name}: {len(theirs)} tensors written by PEFT are read value for value", same)
    written = json.loads((folder / "adapter_config.json").read_text())
    read = ours["config"]
    agreed = (
        read["rank"] == written["r"]
        and read["alpha"] == written["lora_alpha"]
        and read["useRslora"] == written["use_rslora"]
        and sorted(read["targetModules"]) == sorted(written["target_modules"])
    )
    check(f"{name}: rank, alpha, rsLoRA and target modules are read", agreed, "" if agreed else json.dumps(read))
    rewritten = work / name / "rewritten"
    bridge("rewrite", folder, rewritten, dtype="F32")
    again = load_file(rewritten / "adapter_model.safetensors")
    check(
        f"{name}: rewritten, every tensor is the same",
        sorted(again) == sorted(theirs)
        and all(np.array_equal(again[key].numpy(), theirs[key].float().numpy()) for key in theirs),
    )
    return rewritten


def golden_base(folder):
    """The base model that belongs to a causal_*_peft folder, and every tensor of its golden file."""
    with safe_open(f"{str(folder).removesuffix('_peft')}.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    weights = {key: value for key, value in tensors.items() if key.startswith(("model.", "lm_head."))}
    return base_from_golden(config, weights), tensors


MADE_HERE = {
    "qwen2 all linear": ("qwen2", LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"), torch.float32),
    "llama rsLoRA bfloat16": (
        "llama",
        LoraConfig(r=3, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"]),
        torch.bfloat16,
    ),
    "qwen2 alpha pattern": (
        "qwen2",
        LoraConfig(r=5, lora_alpha=7, alpha_pattern={"o_proj": 3}, target_modules=["q_proj", "o_proj"]),
        torch.float32,
    ),
    "llama some layers": (
        "llama",
        LoraConfig(r=2, lora_alpha=4, layers_to_transform=[0, 2], target_modules=["k_proj", "gate_proj"]),
        torch.float32,
    ),
}
for name, (family, config, dtype) in MADE_HERE.items():
    model = get_peft_model(random_base(CONFIGS[family], CLASSES[family], torch.float64), config)
    torch.manual_seed(1)
    for key, parameter in model.named_parameters():
        if "lora_" in key:
            parameter.data = (torch.randn(parameter.shape) * 0.1).to(dtype)
    folder = work / name / "peft"
    model.save_pretrained(folder)
    rewritten = check_values(name, folder)

    ids = token_ids(CONFIGS[family].vocab_size)
    adapted = {}
    for whose, adapter in (("PEFT's own", folder), ("our", rewritten)):
        model, wrong = load_adapter(random_base(CONFIGS[family], CLASSES[family], torch.float64), adapter)
        check(f"{name}: PEFT loads {whose} folder cleanly", not wrong, "; ".join(wrong)[:300])
        adapted[whose] = logits_of(model, ids)
    bridge("merge", folder, work / name / "merge.safetensors")
    merged = add_merge(
        random_base(CONFIGS[family], CLASSES[family], torch.float64), load_file(work / name / "merge.safetensors")
    )
    for what, logits in (("our folder", adapted["our"]), ("our merge", logits_of(merged, ids))):
        difference = (logits - adapted["PEFT's own"]).abs().max().item()
        check(
            f"{name}: logits with {what} equal those with PEFT's own folder",
            difference <= TOLERANCE,
            f"{difference:.1e} ≤ {TOLERANCE}",
        )

for folder in sorted((ROOT / "test/fixtures/peft").iterdir()):
    check_values(f"fixture {folder.name}", folder)

golden = sorted((SHARED / "golden").glob("causal_*_peft"))
if not golden:
    note(f"left out: the adapters of {SHARED}/golden (causal_*_peft) and their logits, which are not here")
for folder in golden:
    name = folder.name.removesuffix("_peft")
    rewritten = check_values(f"golden {name}", folder)
    expected = golden_base(folder)[1]["lora_logits"].double()
    for whose, adapter in (("PEFT's own", folder), ("our", rewritten)):
        base, tensors = golden_base(folder)
        model, wrong = load_adapter(base, adapter)
        check(f"golden {name}: PEFT loads {whose} folder cleanly", not wrong, "; ".join(wrong)[:300])
        difference = (logits_of(model, tensors["input_ids"].long()) - expected).abs().max().item()
        check(
            f"golden {name}: logits with {whose} folder equal the golden ones",
            difference <= TOLERANCE,
            f"{difference:.1e} ≤ {TOLERANCE}",
        )

finish()
