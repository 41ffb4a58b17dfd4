"""Settings and names of adapters as PEFT itself writes them: refused exactly where ΔW is not scale · B · A on the base."""

import copy
import sys
from pathlib import Path

import torch
from bases import CLASSES, CONFIGS, add_merge, logits_of, random_base, token_ids
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.config import KasaConfig, LoraGAConfig, MontecloraConfig, VeloraConfig
from peft.tuners.lora.loraga import preprocess_loraga
from report import bridge, check, finish
from safetensors.torch import load_file, save_file

work = Path(sys.argv[1])
TOLERANCE = 1e-4
IDS = token_ids(CONFIGS["qwen2"].vocab_size)


def base():
    return random_base(CONFIGS["qwen2"], CLASSES["qwen2"], torch.float32)


def loss_of(model):
    return model(input_ids=IDS, labels=IDS).loss


def train(model, steps=3):
    """Moves every trainable weight, so that no lora_B stays zero."""
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(model).backward()
        optimiser.step()
    return model.eval()


def config_of(**settings):
    settings = {"target_modules": ["q_proj", "v_proj"], **settings}
    return LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **settings)


def adapted(**settings):
    model, config = base(), config_of(**settings)
    if settings.get("init_lora_weights") == "lora_ga":
        preprocess_loraga(model, config, lambda: loss_of(model).backward())
    return get_peft_model(model, config)


def base_weight(model):
    return next(p for name, p in model.named_parameters() if name.endswith("layers.0.self_attn.q_proj.base_layer.weight"))


# What PEFT writes for each start, and whether the start was taken out of the base. CorDA and LoftQ need packages that
# are not among the requirements.
starts = {}
for start in [
    True, False, "gaussian", "eva", "orthogonal", "mica", "pissa", "pissa_niter_4", "olora", "lora_ga",
]:  # fmt: skip
    extra = {"lora_ga_config": LoraGAConfig()} if start == "lora_ga" else {}
    model = adapted(init_lora_weights=start, **extra)
    changed = not torch.equal(base_weight(model), base().model.layers[0].self_attn.q_proj.weight)
    folder = work / "starts" / str(start)
    train(model).save_pretrained(folder)
    starts[folder] = (start, changed)
for folder, answer in bridge("try-adapters", *starts).items():
    start, changed = starts[Path(folder)]
    check(
        f"init_lora_weights {start}: {'refused, for PEFT changes the base' if changed else 'read'}",
        ("code" in answer) == changed and not answer.get("warnings"),
        answer.get("message", "")[len(folder) :][:90],
    )

# Everything else that changes what an adapter means is refused; what concerns training alone is not.
variants = {
    "DoRA": ({"use_dora": True}, True),
    "KaSA": ({"kasa_config": KasaConfig()}, True),
    "biases": ({"bias": "lora_only"}, True),
    "biases on lora_B": ({"lora_bias": True}, True),
    "whole modules": ({"modules_to_save": ["lm_head"]}, True),
    "token embeddings": ({"trainable_token_indices": [1, 2]}, True),
    "LoRA on embeddings": ({"target_modules": ["q_proj", "embed_tokens"]}, True),
    "VeLoRA": ({"velora_config": VeloraConfig(num_groups=8)}, False),
    "MonteCLoRA": ({"monteclora_config": MontecloraConfig()}, False),
    "rsLoRA": ({"use_rslora": True}, False),
}
saved = {work / "variants" / name: refused for name, (_, refused) in variants.items()}
for name, (settings, _) in variants.items():
    adapted(**copy.deepcopy(settings)).save_pretrained(work / "variants" / name)
for folder, answer in bridge("try-adapters", *saved).items():
    refused = saved[Path(folder)]
    check(
        f"{Path(folder).name}: {'refused by name' if refused else 'read'}",
        ("code" in answer) == refused and not answer.get("warnings"),
        answer.get("message", "")[len(folder) :][:90],
    )

# The conversion that a refusal advises gives an adapter that means the same.
for start in ["pissa", "olora"]:
    model = adapted(init_lora_weights=start)
    initial = copy.deepcopy(model)
    initial.peft_config["default"].init_lora_weights = True
    initial.save_pretrained(work / start / "initial")
    train(model)
    expected = logits_of(model, IDS)
    model.save_pretrained(work / start / "converted", path_initial_model_for_weight_conversion=str(work / start / "initial"))
    bridge("merge", work / start / "converted", work / start / "merge.safetensors")
    ours = logits_of(add_merge(base(), load_file(work / start / "merge.safetensors")), IDS)
    difference = (ours - expected).abs().max().item()
    effect = (expected - logits_of(base(), IDS)).abs().max().item()
    check(
        f"{start}, converted by PEFT: our merge gives the trained model's logits",
        difference <= TOLERANCE < effect / 100,
        f"{difference:.1e} ≤ {TOLERANCE}; the adapter moves them by {effect:.2g}",
    )

# Names: several adapters, each in a folder of its own, and state dicts saved without unwrapping.
model = get_peft_model(base(), config_of(), adapter_name="sft")
train(model).save_pretrained(work / "named")
expected = load_file(work / "named" / "sft" / "adapter_model.safetensors")
wrapped = {}
for wrapper in ["_orig_mod.", "module.", "_fsdp_wrapped_module."]:
    folder = work / "wrapped" / wrapper.strip("._")
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_bytes((work / "named" / "sft" / "adapter_config.json").read_bytes())
    state = {key: value.contiguous() for key, value in model.state_dict().items() if ".lora_" in key}
    save_file({f"{wrapper}{key}".replace("layers.0.", f"layers.0.{wrapper}"): value for key, value in state.items()}, folder / "adapter_model.safetensors")
    wrapped[folder] = wrapper
for folder, answer in bridge("try-adapters", work / "named", *wrapped).items():
    wrapper = wrapped.get(Path(folder))
    check(
        f"{f'names with {wrapper}' if wrapper else 'an adapter by name, one folder deeper'}: the same matrices",
        answer.get("tensors") == sorted(expected),
        answer.get("message", "")[:90],
    )

finish()
