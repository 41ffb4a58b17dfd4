"""Real mlx-lm loads the adapters that we write for it, with the logits of our own ΔW, and we read those that it saves."""

import json
import os
import subprocess
import sys
from pathlib import Path

packages = subprocess.run([str(Path(__file__).parents[2] / "scripts/mlx-environment.sh")], check=True, capture_output=True, text=True)  # fmt: skip
sys.path.append(packages.stdout.strip())

import mlx.core as mx  # noqa: E402
import numpy  # noqa: E402
from base_models import TEXT, WRAPPERS, tiny, wrapped  # noqa: E402
from mlx.utils import tree_flatten, tree_map  # noqa: E402
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters  # noqa: E402
from mlx_lm.utils import _get_classes  # noqa: E402
from report import bridge, check, finish, note  # noqa: E402

work = Path(sys.argv[1])
RANK, ALPHA = 3, 5
# float32 throughout, in another order of sums.
TOLERANCE = 2e-5
# What mlx-lm requires of a configuration that transformers fills in, for one family or another.
MORE = {
    "num_hidden_layers": 3, "head_dim": 8, "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "attention_bias": False,
    "max_position_embeddings": 64, "rope_theta": 10000.0, "partial_rotary_factor": 1.0,
    "rope_parameters": {
        "rope_theta": 10000.0, "llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 64,
    },
    "layer_types": ["sliding_attention", "full_attention", "full_attention"], "sliding_window": 16,
    "sliding_window_pattern": 2, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 50.0,
    "final_logit_softcapping": 30.0,
    "mlp_bias": False, "logits_scaling": 1.0, "attention_multiplier": 0.35, "embedding_multiplier": 1.0,
    "residual_multiplier": 1.0,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True,
}  # fmt: skip


def model_of(config):
    """mlx-lm's model of a config.json, with random weights, the same each time."""
    model_class, arguments = _get_classes(config)
    mx.random.seed(7)
    model = model_class(arguments.from_dict(config))
    model.update(tree_map(lambda weights: mx.random.normal(weights.shape) * 0.2, model.parameters()))
    return model


def logits_of(model):
    ids = mx.array([[5, 17, 3, 42, 8, 77, 1, 30]])
    return numpy.array(model(ids).astype(mx.float32))


def mlx_name(module):
    prefix = "model.language_model."
    return "language_model.model." + module.removeprefix(prefix) if module.startswith(prefix) else module


def merged(config, deltas):
    """The model with ΔW of each module added to its own weights."""
    model = model_of(config)
    modules = dict(model.named_modules())
    for module, delta in mx.load(str(deltas)).items():
        modules[mlx_name(module)].weight += delta
    return model


def check_written(name, config, folder):
    plain = logits_of(model_of(config))
    adapted = logits_of(load_adapters(model_of(config), str(folder / "mlx")))
    difference = numpy.abs(adapted - logits_of(merged(config, folder / "merge.safetensors"))).max()
    effect = numpy.abs(adapted - plain).max()
    limit = TOLERANCE * max(1, numpy.abs(plain).max())
    check(f"{name}: mlx-lm loads our adapter, with the logits of our own merge", difference <= limit, f"{difference:.1e} ≤ {limit:.1e}")  # fmt: skip
    check(f"{name}: the adapter moves the logits", effect > 100 * limit, f"by {effect:.2g}")


def save_as_mlx(config, folder):
    """What mlx_lm.lora saves: the matrices of the last two layers after training, and its settings."""
    keys = ["self_attn.qkv_proj", "mlp.down_proj"] if config["model_type"] == "phi3" else ["self_attn.q_proj", "self_attn.o_proj"]  # fmt: skip
    parameters = {"rank": RANK, "dropout": 0.0, "scale": 1.7, "keys": keys}
    model = model_of(config)
    model.freeze()
    linear_to_lora_layers(model, 2, parameters)
    model.update(tree_map(lambda weights: mx.random.normal(weights.shape) * 0.3, model.trainable_parameters()))
    folder.mkdir()
    settings = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": parameters, "model": "a/b", "batch_size": 4}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    mx.save_safetensors(str(folder / "adapters.safetensors"), dict(tree_flatten(model.trainable_parameters())))
    return logits_of(model)


def check_read(name, config, folder):
    expected = save_as_mlx(config, folder / "trained")
    bridge("mlx-merge", folder / "trained", folder / "trained.safetensors")
    found = logits_of(merged(config, folder / "trained.safetensors"))
    difference, effect = numpy.abs(found - expected).max(), numpy.abs(expected - logits_of(model_of(config))).max()
    limit = TOLERANCE * max(1, numpy.abs(expected).max())
    check(f"{name}: we read what mlx-lm saves, with its logits", difference <= limit < effect / 100, f"{difference:.1e} ≤ {limit:.1e}, effect {effect:.2g}")  # fmt: skip


configs = {text_type: {**tiny(text_type), **MORE} for text_type in TEXT if "vl" not in text_type}
for wrapper, (texts, _) in WRAPPERS.items():
    for text_type in texts:
        text = {**tiny(text_type), **MORE, **({"head_dim": 8} if "vl" in text_type else {})}
        configs[f"{wrapper} around {text_type}"] = {**wrapped(wrapper, text), "vocab_size": 96}

folders = {}
for name, config in configs.items():
    try:
        model_of(config)
    except (ValueError, ImportError) as problem:
        note(f"{name}: mlx-lm has no such model ({str(problem)[:80]})")
        continue
    folder = folders[name] = work / name.replace(" ", "-")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
bridge("random-adapters", *folders.values(), rank=RANK, alpha=ALPHA, seed=3, mlx=True)
for name, folder in folders.items():
    check_written(name, configs[name], folder)
    check_read(name, configs[name], folder)

finish()
