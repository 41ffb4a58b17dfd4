"""The peer of the benchmark's part `language`: PyTorch, transformers and PEFT. Reads one JSON request a line, answers one
JSON line each. Started by bench/peer.cjs; files are raw little-endian int32."""

import time

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from serving import serve
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

# Ways to run the same model; which is fastest depends on the processor, so all are tried and the best is measured.
VARIANTS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
IGNORED = -100
models = {}


def start(request):
    torch.set_num_threads(request["threads"])
    torch.set_flush_denormal(True)
    return {"torch": torch.__version__, "threads": torch.get_num_threads(), "variants": [*VARIANTS]}


class Finetuning:
    """A LoRA fine-tuning step of a Llama: logits only where there are labels, clipping, AdamW."""

    def __init__(self, request):
        dtype = VARIANTS[request["variant"]]
        base = AutoModelForCausalLM.from_config(
            LlamaConfig(**request["config"]), attn_implementation="sdpa", dtype=dtype
        )
        state = load_file(request["weights"])
        if base.config.tie_word_embeddings:
            state["lm_head.weight"] = state["model.embed_tokens.weight"]
        base.load_state_dict(state)
        modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        rank = request["rank"]
        lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=modules, lora_dropout=0.0)
        self.model = get_peft_model(base, lora)
        adapter = {
            name.replace(".weight", ".default.weight"): tensor for name, tensor in load_file(request["adapter"]).items()
        }
        missing = self.model.load_state_dict(adapter, strict=False)
        assert not missing.unexpected_keys, missing.unexpected_keys
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=request["learningRate"], betas=(0.9, 0.99), weight_decay=0.0)
        self.base = base

    def batch(self, request):
        shape = request["shape"]
        self.ids, labels = (torch.from_numpy(np.fromfile(request[name], np.int32).reshape(shape)).long() for name in ("ids", "labels"))
        self.labels = labels[:, 1:]
        self.labelled = self.labels != IGNORED

    def step(self):
        began = time.perf_counter()
        hidden = self.base.model(input_ids=self.ids, use_cache=False).last_hidden_state[:, :-1]
        logits = self.base.lm_head(hidden[self.labelled])
        loss = nn.functional.cross_entropy(logits.float(), self.labels[self.labelled])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()
        return {"seconds": time.perf_counter() - began, "loss": loss.item()}

    def generate(self, request):
        """Greedy, with a key–value cache, without the adapter. Seconds of all tokens but the first, whose pass is the prompt's."""
        with self.model.disable_adapter(), torch.inference_mode():
            output = self.base(input_ids=self.ids[: request["sequences"]], use_cache=True)
            began = time.perf_counter()
            for _ in range(request["tokens"]):
                chosen = output.logits[:, -1:].argmax(-1)
                output = self.base(input_ids=chosen, past_key_values=output.past_key_values, use_cache=True)
            return {"seconds": time.perf_counter() - began}


def load(request):
    models.clear()
    models["model"] = Finetuning(request)
    return {}


def batch(request):
    models["model"].batch(request)
    return {}


def step(request):
    return models["model"].step()


def generate(request):
    return models["model"].generate(request)


serve(start, load, batch, step, generate)
