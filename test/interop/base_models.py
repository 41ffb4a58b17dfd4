"""Base models as transformers makes them from a config.json: their sizes, and the shape of every projection."""

import json
import tempfile
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.utils import logging

# Token ids beyond our tiny vocabularies: transformers warns of them, and they do not matter here.
logging.set_verbosity_error()

# What an adapter's layout depends on, by the names of config.json.
SIZES = {
    "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 1, "num_attention_heads": 6,
    "num_key_value_heads": 3, "head_dim": 12,
}  # fmt: skip

# Every model_type of a language model that src/adapter knows, and what its tiny configuration needs besides sizes.
TEXT = {
    "llama": {}, "mistral": {}, "qwen2": {}, "qwen3": {}, "gemma": {}, "gemma2": {}, "gemma3_text": {}, "phi3": {},
    "smollm3": {}, "granite": {}, "olmo2": {}, "olmo3": {}, "ministral": {}, "ministral3": {},
    "qwen3_moe": {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16},
    "qwen2_vl_text": {}, "qwen2_5_vl_text": {},
}  # fmt: skip

VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2, "num_hidden_layers": 1, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
QWEN_VISION = {"hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "depth": 1, "embed_dim": 32, "out_hidden_size": 48}  # fmt: skip

# Every model_type that wraps one of them beside an image encoder: the language models it takes, and an image encoder.
WRAPPERS = {
    "qwen2_vl": (["qwen2_vl_text"], QWEN_VISION),
    "qwen2_5_vl": (["qwen2_5_vl_text"], QWEN_VISION),
    "gemma3": (["gemma3_text"], {"model_type": "siglip_vision_model", **VISION}),
    "mistral3": (["mistral", "ministral3"], {"model_type": "pixtral", "head_dim": 16, **VISION}),
}


def tiny(text_type, **changes):
    """A config.json of a language model of this type, with every size; a change to ... leaves the key out."""
    config = {"model_type": text_type, "vocab_size": 96, "pad_token_id": 0, **SIZES, **TEXT[text_type], **changes}
    return {key: value for key, value in config.items() if value is not ...}


def wrapped(wrapper, text_config):
    """A config.json of a wrapper around this language model."""
    return {"model_type": wrapper, "text_config": text_config, "vision_config": dict(WRAPPERS[wrapper][1])}


def stand_alone(text_type):
    """Whether transformers has a causal language model of this type, and not only within a wrapper."""
    return not any(text_type in texts for wrapper, (texts, _) in WRAPPERS.items() if wrapper.startswith("qwen2"))


def on_disk(config):
    """The configuration that transformers reads from a config.json with these contents."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        return AutoConfig.from_pretrained(folder)


def build(config, device="meta"):
    """The model of a config.json. On the device `meta` it has shapes and no weights."""
    loaded = on_disk(config)
    factory = AutoModelForImageTextToText if config["model_type"] in WRAPPERS else AutoModelForCausalLM
    with torch.device(device):
        return factory.from_config(loaded)


def linear_modules(model):
    """[out, in] of every linear module by its name."""
    return {
        name: list(module.weight.shape)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
