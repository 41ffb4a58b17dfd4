"""Real PEFT loads our adapters for every family of base models: no warning, no stray key, and the logits of our own ΔW."""

import json
import sys
from pathlib import Path

import torch
from base_models import TEXT, WRAPPERS, build, linear_modules, stand_alone, tiny, wrapped
from bases import add_merge, load_adapter, logits_of, token_ids
from report import bridge, check, finish
from safetensors.torch import load_file

work = Path(sys.argv[1])
RANK, ALPHA = 3, 5
# Two layers: one of Gemma's attends to a window, one of Qwen3-MoE's could have other modules.
SHAPE = {"num_hidden_layers": 2}
# Qwen2-VL and Qwen2.5-VL: 48 / 6 dimensions a head, half of them divided among time, height and width.
MROPE = {"head_dim": ..., "rope_scaling": {"type": "mrope", "mrope_section": [2, 1, 1]}}


def base_of(config):
    """The base of a config.json with random weights, the same each time, in float64."""
    torch.manual_seed(11)
    model = build(config, device="cpu").double()
    # The faster implementation of experts takes no float64.
    model.config._experts_implementation = "eager"
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.2)
    return model.eval()


def check_family(name, config, folder):
    deltas = load_file(folder / "merge.safetensors")

    model, wrong = load_adapter(base_of(config), folder / "adapter")
    check(f"{name}: PEFT loads it without a warning, a missing or an unexpected key", not wrong, "; ".join(wrong)[:300])
    adapted = {key.split(".lora_")[0].removeprefix("base_model.model.") for key, _ in model.named_parameters() if ".lora_" in key}  # fmt: skip
    layers = {module for module in linear_modules(base_of(config)) if ".layers." in module and "vision" not in module}
    check(f"{name}: it adapts every projection of the layers and no other module", adapted == set(deltas) == layers, f"{len(adapted)} modules")  # fmt: skip

    ids = token_ids(96)
    logits = logits_of(model, ids)
    difference = (logits - logits_of(add_merge(base_of(config), deltas), ids)).abs().max().item()
    effect = (logits - logits_of(base_of(config), ids)).abs().max().item()
    # Our ΔW is rounded to float32.
    limit = 1e-6 * max(1, effect)
    check(f"{name}: logits equal those of our own merge", difference <= limit, f"{difference:.1e} ≤ {limit:.1e}")
    check(f"{name}: the adapter moves the logits", effect > 1e4 * limit, f"by {effect:.2g}")


configs = {text_type: tiny(text_type, **SHAPE) for text_type in TEXT if stand_alone(text_type)}
for wrapper, (texts, _) in WRAPPERS.items():
    for text_type in texts:
        configs[f"{wrapper} around {text_type}"] = wrapped(wrapper, tiny(text_type, **SHAPE, **(MROPE if "vl" in text_type else {})))
folders = {name: work / name.replace(" ", "-") for name in configs}
for name, folder in folders.items():
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(configs[name]))
bridge("random-adapters", *folders.values(), rank=RANK, alpha=ALPHA, seed=3)
for name, folder in folders.items():
    check_family(name, configs[name], folder)

finish()
