"""Base models as GGUF files, as llama.cpp's converter writes them: tiny ones in float32, to try adapters on.

Names, permutations and metadata follow the model classes of convert_hf_to_gguf.py; a mistake here shows, since llama.cpp's
logits without an adapter are compared with transformers' first.
"""

import json
import math

from report import bridge
from safetensors.torch import save_file

SPECIAL_TOKENS = ["<unk>", "<s>", "</s>"]

LAYER = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    # GPT-2
    "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    "ln_1": "attn_norm", "ln_2": "ffn_norm",
}  # fmt: skip
# Norms around both blocks.
GEMMA = {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}  # fmt: skip
OLMO2 = {"post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm"}
RENAMED = {"gemma2": GEMMA, "gemma3": GEMMA, "olmo2": OLMO2}
OUTSIDE = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
}  # fmt: skip
PERMUTED = {"llama", "granite", "smollm3"}


def permute(weight, heads):
    """The rows of rotary pairs side by side: LlamaModel.permute."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def gguf_name(name, architecture):
    stem, kind = name.rsplit(".", 1)
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    layer, module = stem.removeprefix("model.layers.").removeprefix("transformer.h.").split(".", 1)
    return f"blk.{layer}.{ {**LAYER, **RENAMED.get(architecture, {})}[module] }.{kind}"


def converted(model, architecture):
    """The parameters of a transformers model under llama.cpp's names, in float32."""
    config = model.config
    tensors = {}
    for name, parameter in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weight = parameter.float()
        if architecture in PERMUTED and "q_proj" in name:
            weight = permute(weight, config.num_attention_heads)
        if architecture in PERMUTED and "k_proj" in name:
            weight = permute(weight, config.num_key_value_heads)
        if architecture.startswith("gemma") and "norm" in name:
            weight = weight + 1
        if architecture == "gpt2" and weight.dim() == 2 and ".h." in name:
            weight = weight.T
        tensors[gguf_name(name, architecture)] = weight.contiguous().clone()
    return tensors


def metadata(config, architecture):
    """Key → [type, value]."""
    vocabulary = config.vocab_size
    tokens = SPECIAL_TOKENS + [chr(33 + index) for index in range(vocabulary - len(SPECIAL_TOKENS))]
    values = {
        "context_length": ["uint32", 64], "block_count": ["uint32", config.num_hidden_layers],
        "embedding_length": ["uint32", config.hidden_size], "attention.head_count": ["uint32", config.num_attention_heads],
        "vocab_size": ["uint32", vocabulary],
    }  # fmt: skip
    if architecture == "gpt2":
        values["feed_forward_length"] = ["uint32", 4 * config.hidden_size]
        values["attention.layer_norm_epsilon"] = ["float32", config.layer_norm_epsilon]
    else:
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        values |= {
            "feed_forward_length": ["uint32", config.intermediate_size],
            "attention.head_count_kv": ["uint32", config.num_key_value_heads],
            "attention.layer_norm_rms_epsilon": ["float32", config.rms_norm_eps],
            "attention.key_length": ["uint32", head], "attention.value_length": ["uint32", head],
            "rope.dimension_count": ["uint32", head], "rope.freq_base": ["float32", 10000.0],
        }  # fmt: skip
    if architecture in ("gemma2", "gemma3", "phi3"):
        values["attention.sliding_window"] = ["uint32", 64]
    if architecture == "gemma2":
        values["attn_logit_softcapping"] = ["float32", config.attn_logit_softcapping]
        values["final_logit_softcapping"] = ["float32", config.final_logit_softcapping]
    if architecture == "phi3":
        values["rope.scaling.original_context_length"] = ["uint32", 64]
    if architecture == "granite":
        values |= {
            "attention.scale": ["float32", config.attention_multiplier],
            "embedding_scale": ["float32", config.embedding_multiplier],
            "residual_scale": ["float32", config.residual_multiplier], "logit_scale": ["float32", config.logits_scaling],
        }  # fmt: skip
    return {
        "general.architecture": ["string", architecture],
        "general.type": ["string", "model"],
        "general.file_type": ["uint32", 0],
        **{f"{architecture}.{key}": value for key, value in values.items()},
        "tokenizer.ggml.model": ["string", "gpt2"],
        "tokenizer.ggml.pre": ["string", "gpt-2"],
        "tokenizer.ggml.tokens": ["string[]", tokens],
        "tokenizer.ggml.token_type": ["int32[]", [2, 3, 3] + [1] * (vocabulary - 3)],
        "tokenizer.ggml.merges": ["string[]", ["a b"]],
        "tokenizer.ggml.bos_token_id": ["uint32", 1],
        "tokenizer.ggml.eos_token_id": ["uint32", 2],
    }


def write_base(model, architecture, path):
    """A GGUF file of a transformers model, next to the safetensors file that it is made from."""
    assert all(math.isfinite(parameter.abs().max().item()) for parameter in model.parameters())
    tensors = path.with_suffix(".safetensors")
    save_file(converted(model, architecture), tensors)
    values = path.with_suffix(".json")
    values.write_text(json.dumps(metadata(model.config, architecture)))
    bridge("gguf", values, tensors, path)
