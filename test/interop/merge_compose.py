"""`dnd merge`, `dnd compose` and `dnd compare` against PEFT's merge_and_unload and add_weighted_adapter, and torch's SVD."""

import json
import math
import sys
from pathlib import Path

import torch
from bases import CLASSES, CONFIGS, load_adapter, logits_of, random_base, token_ids
from peft import LoraConfig, PeftModel, get_peft_model
from report import check, dnd, finish
from safetensors import safe_open
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

work = Path(sys.argv[1])
CONFIGS["gpt2"] = GPT2Config(vocab_size=96, n_positions=64, n_embd=48, n_layer=2, n_head=4)
CLASSES["gpt2"] = GPT2LMHeadModel
ROUNDING = {torch.float32: 1e-6, torch.bfloat16: 2**-8, torch.float16: 2**-11}


def make_adapter(family, config, folder, seed):
    """An adapter that PEFT trains none of, but writes, with weights that matter."""
    model = get_peft_model(random_base(CONFIGS[family], CLASSES[family], torch.float32), config)
    torch.manual_seed(seed)
    for key, parameter in model.named_parameters():
        if "lora_" in key:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    return folder


def tensors_of(folder):
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}
    return tensors


def say_otherwise(adapter):
    """Turns fan_in_fan_out round, against the layers of the base: PEFT warns, and goes by the layers."""
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "fan_in_fan_out": not config["fan_in_fan_out"]}))


# base, its dtype, the size of its shards, the adapter, and whether its fan_in_fan_out is wrong
LORA = {"task_type": "CAUSAL_LM"}
MERGES = {
    "qwen2 in float32, sharded, ranks and alphas by pattern": (
        "qwen2", torch.float32, "100KB",
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", rank_pattern={"v_proj": 2}, alpha_pattern={"mlp.up_proj": 3}, **LORA),
    ),
    "llama in bfloat16, rsLoRA": (
        "llama", torch.bfloat16, "1GB",
        LoraConfig(r=6, lora_alpha=12, use_rslora=True, target_modules=["q_proj", "o_proj", "down_proj"], **LORA),
    ),
    "llama in float16, one layer": (
        "llama", torch.float16, "1GB",
        LoraConfig(r=3, lora_alpha=6, layers_to_transform=[1], target_modules=["k_proj", "gate_proj"], **LORA),
    ),
    "gpt2 in float32, transposed weights": (
        "gpt2", torch.float32, "1GB",
        LoraConfig(r=4, lora_alpha=8, fan_in_fan_out=True, target_modules=["c_attn", "c_proj"], **LORA),
    ),
    "qwen2 in float32, square weights, a wrong fan_in_fan_out": (
        "qwen2", torch.float32, "1GB", LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj"], **LORA), True,
    ),
    "gpt2 in float32, square weights, a wrong fan_in_fan_out": (
        "gpt2", torch.float32, "1GB",
        LoraConfig(r=4, lora_alpha=8, fan_in_fan_out=True, target_modules=["attn.c_proj"], **LORA), True,
    ),
}  # fmt: skip
for index, (name, (family, dtype, shard, config, *wrong)) in enumerate(MERGES.items()):
    folder = work / f"merge{index}"
    base = random_base(CONFIGS[family], CLASSES[family], dtype)
    base.save_pretrained(folder / "base", max_shard_size=shard)
    adapter = make_adapter(family, config, folder / "adapter", index)
    if wrong:
        say_otherwise(adapter)
    dnd("merge", adapter, "--base", folder / "base", "--out", folder / "merged").must_succeed()

    exact = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float64)
    exact = PeftModel.from_pretrained(exact, adapter).double().merge_and_unload().state_dict()
    before, after = tensors_of(folder / "base"), tensors_of(folder / "merged")
    worst = max(((after[key].double() - exact[key]).norm() / exact[key].norm().clamp(min=1e-9)).item() for key in after)
    changed = sum(not torch.equal(after[key], before[key]) for key in after)
    check(f"{name}: weights equal merge_and_unload in float64", worst <= ROUNDING[dtype], f"{worst:.1e} ≤ {ROUNDING[dtype]:.1e}")
    once = [(after[key] == exact[key].to(dtype)).double().mean().item() for key in after]
    check(f"{name}: they are rounded once", dtype == torch.float32 or min(once) > 0.999, f"{min(once):.4f} are the nearest")
    adapted = sum(".lora_A." in key for key in tensors_of(adapter))
    check(f"{name}: only adapted weights change", changed == adapted, f"{changed} of {len(after)}")
    merged = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=dtype).double()
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float64), adapter)
    ids = token_ids(96)
    difference = (logits_of(merged, ids) - logits_of(theirs.double().eval(), ids)).abs().max().item()
    plain = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float64)
    effect = (logits_of(theirs, ids) - logits_of(plain, ids)).abs().max().item()
    limit = 1e-5 if dtype == torch.float32 else 0.05
    check(f"{name}: transformers loads it, with the adapter's logits", difference <= limit, f"{difference:.1e} ≤ {limit}")
    check(f"{name}: the adapter is not without effect", effect > 4 * limit, f"moves logits by {effect:.2g}")


def deltas_of(model, adapter):
    return {
        name: module.get_delta_weight(adapter).double()
        for name, module in model.named_modules()
        if hasattr(module, "lora_A") and adapter in module.lora_A
    }


def furthest(ours, theirs):
    """The largest relative difference of a ΔW; of a ΔW that only one has, 1."""
    assert set(ours) == set(theirs), set(ours) ^ set(theirs)
    return max(((ours[name] - theirs[name]).norm() / theirs[name].norm()).item() for name in theirs)


ADAPTERS = [
    LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], **LORA),
    LoraConfig(r=6, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"], **LORA),
    LoraConfig(r=2, lora_alpha=4, alpha_pattern={"q_proj": 7}, target_modules=["q_proj", "o_proj"], **LORA),
]
WEIGHTS = [0.7, -0.4, 1.3]
folders = [make_adapter("llama", config, work / f"adapter{index}", 20 + index) for index, config in enumerate(ADAPTERS)]
model = PeftModel.from_pretrained(random_base(CONFIGS["llama"], CLASSES["llama"], torch.float32), folders[0], "a0")
for index in (1, 2):
    model.load_adapter(folders[index], f"a{index}")
names = ["a0", "a1", "a2"]
model.add_weighted_adapter(names, WEIGHTS, "cat", combination_type="cat")
model.add_weighted_adapter(names, WEIGHTS, "svd", combination_type="svd", svd_rank=3)

for kind, rank in (("cat", 12), ("svd", 3)):
    out = work / f"composed-{kind}"
    weights = ",".join(map(str, WEIGHTS))
    done = dnd("compose", *folders, "--weights", weights, "--rank", rank, "--out", out, "--json").must_succeed()
    report = json.loads(done.stdout)
    model.load_adapter(out, f"ours-{kind}")
    ours, theirs = deltas_of(model, f"ours-{kind}"), deltas_of(model, kind)
    difference = furthest(ours, theirs)
    check(f"compose: ΔW at rank {rank} equals add_weighted_adapter's ({kind})", difference <= 1e-5, f"{difference:.1e} ≤ 1e-5")
    whole = deltas_of(model, "cat")
    lost = math.sqrt(sum(((ours[key] - whole[key]).norm() ** 2).item() for key in whole))
    share = lost / math.sqrt(sum((delta.norm() ** 2).item() for delta in whole.values()))
    said = report["discardedShare"]
    check(f"compose: the discarded share at rank {rank} is as reported", abs(share - said) <= 1e-5, f"{said:.4f}")
    _, wrong = load_adapter(random_base(CONFIGS["llama"], CLASSES["llama"], torch.float32), out)
    check(f"compose: PEFT loads the result of rank {rank} without a warning or a missing key", not wrong, "; ".join(wrong)[:300])

comparison = json.loads(dnd("compare", folders[0], folders[1], "--json").must_succeed().stdout)
first, second = deltas_of(model, "a0"), deltas_of(model, "a1")
worst = 0.0
for entry in comparison["modules"]:
    one, other = (next(d for name, d in deltas.items() if name.endswith(entry["module"])) for deltas in (first, second))
    values = torch.linalg.svdvals(one)
    values = values[values > 1e-6 * values[0]]
    shares = values / values.sum()
    expected = [
        one.norm().item(),
        other.norm().item(),
        (one - other).norm().item(),
        torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0).item(),
        math.exp(-(shares * shares.log()).sum().item()),
    ]
    pair, updates = entry["pairs"][0], entry["adapters"]
    seen = [updates[0]["norm"], updates[1]["norm"], pair["distance"], pair["cosine"], updates[0]["effectiveRank"]]
    worst = max(worst, *(abs(a - b) / max(1, abs(b)) for a, b in zip(seen, expected)))
check(
    f"compare: norms, distances, cosines and effective ranks of {len(comparison['modules'])} modules are torch's",
    worst <= 1e-6 and len(comparison["modules"]) == len(first),
    f"{worst:.1e} ≤ 1e-6",
)

finish()
