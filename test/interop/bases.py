"""Small random base models, and what it means that PEFT loads an adapter cleanly."""

import logging
import warnings

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

torch.set_num_threads(2)

# Llama's heads × head_dim (64) is not its hidden size (48), as in Qwen3 and Mistral-Nemo: q and o must not assume it.
CONFIGS = {
    "qwen2": Qwen2Config(
        vocab_size=96, hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
    ),
    "llama": LlamaConfig(
        vocab_size=96, hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=64, tie_word_embeddings=False,
    ),
}  # fmt: skip
CLASSES = {"qwen2": Qwen2ForCausalLM, "llama": LlamaForCausalLM}


def random_base(config, model_class, dtype, seed=11, deviation=0.1):
    """A base whose weights are large enough for an adapter to move its logits visibly; the same for the same seed."""
    torch.manual_seed(seed)
    model = model_class(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, deviation)
    return model.to(dtype).eval()


def base_from_golden(config, weights, dtype=torch.float64):
    """The base model of a `causal` golden file: its config.json as a dictionary, its weights by Hugging Face names."""
    config = CONFIG_MAPPING[config["model_type"]].from_dict(config)
    model = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    if set(missing) - tied or unexpected:
        raise RuntimeError(f"golden weights do not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model.to(dtype).eval()


def token_ids(vocabulary, seed=5):
    return torch.randint(0, vocabulary, (3, 21), generator=torch.Generator().manual_seed(seed))


def logits_of(model, ids):
    with torch.inference_mode():
        return model(input_ids=ids).logits.double()


class Complaints(logging.Handler):
    """Collects everything that PEFT or transformers warns about while it is open."""

    def __enter__(self):
        self.sentences = []
        self.caught = warnings.catch_warnings(record=True)
        self.warnings = self.caught.__enter__()
        warnings.simplefilter("always")
        logging.getLogger().addHandler(self)
        for name in ("peft", "transformers"):
            logging.getLogger(name).addHandler(self)
        return self

    def emit(self, record):
        if record.levelno >= logging.WARNING:
            self.sentences.append(record.getMessage())

    def __exit__(self, *error):
        for name in (None, "peft", "transformers"):
            logging.getLogger(name).removeHandler(self)
        # PEFT calling deprecated functions of transformers is no complaint about the adapter.
        self.sentences += [
            str(w.message) for w in self.warnings if not issubclass(w.category, (FutureWarning, DeprecationWarning))
        ]
        self.caught.__exit__(*error)


def load_adapter(base, folder):
    """(the adapted model, what was wrong): every warning, and every key that is in the file or the model only."""
    with Complaints() as complaints:
        model = PeftModel.from_pretrained(base, folder)
    wrong = list(complaints.sentences)
    in_file = set(load_file(f"{folder}/adapter_model.safetensors"))
    in_model = set(get_peft_model_state_dict(model))
    wrong += [f"missing key {key}" for key in sorted(in_model - in_file)]
    wrong += [f"unexpected key {key}" for key in sorted(in_file - in_model)]
    for parameter in (parameter for key, parameter in model.named_parameters() if "lora_" in key):
        parameter.data = parameter.data.to(base.dtype)
    return model.eval(), wrong


def add_merge(base, deltas):
    """Adds ΔW of each module (`model.layers.0.self_attn.q_proj` → [out, in]) to the base's own weights."""
    modules = dict(base.named_modules())
    with torch.no_grad():
        for name, delta in deltas.items():
            weight = modules[name].weight
            weight.copy_((weight.double() + delta.double()).to(weight.dtype))
    return base
