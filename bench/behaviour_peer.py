"""The peer of the benchmark's part `behaviour`: PyTorch and transformers. Reads one JSON request a line, answers one JSON
line each. Started by bench/peer.cjs; files are raw little-endian float32 and int32."""

import time

import numpy as np
import torch
from hyperconvolution import Decoder
from safetensors.torch import load_file
from serving import serve
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

# Dtype of the frozen base, and that of the decoder in autocast; which is fastest depends on the processor.
VARIANTS = {
    "float32": (torch.float32, False),
    "bfloat16 base": (torch.bfloat16, False),
    "bfloat16 base, autocast decoder": (torch.bfloat16, True),
}
IGNORED = -100
models = {}


def start(request):
    torch.set_num_threads(request["threads"])
    torch.set_flush_denormal(True)
    return {"torch": torch.__version__, "threads": torch.get_num_threads(), "variants": [*VARIANTS]}


def floats(path):
    return torch.from_numpy(np.fromfile(path, np.float32))


class Behaviour:
    """Generated adapters, each on its own sequences of a frozen Llama; cross-entropy back to the decoder; AdamW."""

    def __init__(self, request):
        self.dtype, self.autocast = VARIANTS[request["variant"]]
        base = AutoModelForCausalLM.from_config(
            LlamaConfig(**request["config"]), attn_implementation="sdpa", dtype=self.dtype
        )
        state = load_file(request["weights"])
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
        base.load_state_dict(state)
        base.requires_grad_(False)
        self.base = base
        self.decoder = Decoder(request["features"], request["kernelSize"])
        self.decoder.load_state_dict(
            {key.removeprefix("decoder."): value for key, value in load_file(request["decoder"]).items()}
        )
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), lr=request["learningRate"], betas=(0.9, 0.99), weight_decay=0.0
        )
        self.mean, self.token_scale = floats(request["mean"]), request["tokenScale"]
        self.rank, self.scale, self.tensors = request["rank"], request["scale"], request["tensors"]
        self.adapters = {}
        modules = dict(base.named_modules())
        for name in {tensor["module"] for tensor in self.tensors}:
            modules[name].register_forward_hook(lambda module, inputs, y, name=name: y + self.update(name, inputs[0]))

    def update(self, name, x):
        """scale · x · Aᵀ · Bᵀ, each task's own: x [sequences, length, in]."""
        a, b = self.adapters[name, "A"], self.adapters[name, "B"]
        grouped = x.reshape(a.shape[0], -1, x.shape[-1])
        return (self.scale * (grouped @ a.mT) @ b.mT).reshape(*x.shape[:-1], -1)

    def batch(self, request):
        shape = request["shape"]
        ids, labels = (
            torch.from_numpy(np.fromfile(request[name], np.int32).reshape(shape)).long() for name in ("ids", "labels")
        )
        self.ids, self.labels = ids, labels[:, 1:]
        self.labelled = self.labels != IGNORED
        self.condition = floats(request["condition"]).reshape(request["conditionShape"])

    def restore(self, tokens):
        """Weight tokens [tasks, tokens, rank, chunk] → A [tasks, rank, in] and B [tasks, out, rank] of each module."""
        for tensor in self.tensors:
            first, count, length = tensor["firstToken"], tensor["tokenCount"], tensor["length"]
            own = tokens[:, first : first + count].transpose(1, 2).flatten(2)[..., :length]
            if tensor["part"] == "B":
                own = own.mT
            mean = self.mean[tensor["offset"] : tensor["offset"] + self.rank * length].reshape(own.shape[1:])
            self.adapters[tensor["module"], tensor["part"]] = (mean + self.token_scale * own).to(self.dtype)

    def step(self):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            tokens = self.decoder(self.condition)
        self.restore(tokens.float())
        hidden = self.base.model(input_ids=self.ids, use_cache=False).last_hidden_state[:, :-1]
        logits = self.base.lm_head(hidden[self.labelled])
        loss = nn.functional.cross_entropy(logits.float(), self.labels[self.labelled])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        return {"seconds": time.perf_counter() - began, "loss": loss.item()}


def load(request):
    models.clear()
    models["model"] = Behaviour(request)
    return {}


def batch(request):
    models["model"].batch(request)
    return {}


def step(request):
    return models["model"].step()


serve(start, load, batch, step)
