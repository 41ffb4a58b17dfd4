"""Adapters that PEFT itself wrote: read by this package value for value, and rewritten so that PEFT sees no difference."""

import json
import sys
from pathlib import Path

import numpy as np
from bases import base_from_golden, load_adapter, logits_of
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
        np.array_equal(np.fromfile(entry["float32"], np.float32), theirs[key].float().numpy().reshape(-1)) and entry["shape"] == list(theirs[key].shape)
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
    check(f"{name}: rewritten, every tensor is the same", sorted(again) == sorted(theirs) and all(np.array_equal(again[key].numpy(), theirs[key].float().numpy()) for key in theirs))
    return rewritten


def golden_base(folder):
    """The base model that belongs to a causal_*_peft folder, and every tensor of its golden file."""
    with safe_open(f"{str(folder).removesuffix('_peft')}.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    weights = {key: value for key, value in tensors.items() if key.startswith(("model.", "lm_head."))}
    return base_from_golden(config, weights), tensors


for folder in sorted((ROOT / "test/fixtures/peft").glob("*/")):
    if (folder / "adapter_model.safetensors").exists():
        check_values(folder.name, folder)

golden = sorted((SHARED / "golden").glob("causal_*_peft"))
if not golden:
    note(f"left out: the adapters of {SHARED}/golden (causal_*_peft) and their logits, which are not here")
for folder in golden:
    name = folder.name.removesuffix("_peft")
    rewritten = check_values(f"golden {name}", folder)
    expected = golden_base(folder)[1]["lora_logits"].double()
    for whose, adapter in (("PEFT's own", folder), ("rewritten", rewritten)):
        base, tensors = golden_base(folder)
        model, wrong = load_adapter(base, adapter)
        check(f"golden {name}: PEFT loads the {whose} folder cleanly", not wrong, "; ".join(wrong)[:300])
        difference = (logits_of(model, tensors["input_ids"].long()) - expected).abs().max().item()
        check(f"golden {name}: logits with the {whose} folder equal the golden ones", difference <= TOLERANCE, f"{difference:.1e} ≤ {TOLERANCE}")

finish()
