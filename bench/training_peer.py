"""The peer of the benchmark's part `training`: PyTorch. Reads one JSON request a line, answers one JSON line each.

Started by bench/peer.cjs, in a process of its own where its memory is measured. Files are raw little-endian float32."""

import math
import resource
import sys
import time

import numpy as np
import torch
from hyperconvolution import Decoder
from serving import serve
from settings import SETTINGS, Setting

models = {}


# Each setting with either AdamW; a compiled module, which takes a minute to try, with the fused one alone.
OPTIMISERS = {"": {}, "fused AdamW": {"fused": True}}


def named(setting, optimiser):
    return ", ".join(name for name in (setting, optimiser) if name)


VARIANTS = {
    precision: {
        named(setting, optimiser): (options, OPTIMISERS[optimiser])
        for setting, options in settings.items()
        for optimiser in (["fused AdamW"] if "compiled" in options else OPTIMISERS)
    }
    for precision, settings in SETTINGS.items()
}


def array(path, shape):
    return torch.from_numpy(np.fromfile(path, np.float32).reshape(shape))


def status_bytes(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{key}:"))


def start(request):
    torch.set_num_threads(request["threads"])
    torch.set_flush_denormal(True)
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "oneDNN": torch.backends.mkldnn.is_available(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "variants": {precision: [*variants] for precision, variants in VARIANTS.items()},
    }


def memory(request):
    """What the process holds now and has held at most. On Linux; else only the latter."""
    try:
        return {"bytes": status_bytes("VmRSS"), "peakBytes": status_bytes("VmHWM")}
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return {"bytes": None, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale}


class Training:
    """One whole training step of a decoder, as the reference does it (docs/mathematics.md)."""

    def __init__(self, request):
        from safetensors import safe_open

        options, optimiser_options = VARIANTS[request["precision"]][request["variant"]]
        with torch.device("meta"):
            decoder = Decoder(request["features"], request["kernelSize"])
        with safe_open(request["weights"], "pt") as file:
            state = {key.removeprefix("decoder."): file.get_tensor(key).clone() for key in file.keys()}
        decoder.load_state_dict(state, assign=True)
        for parameter in decoder.parameters():
            parameter.requires_grad_(True)
        self.decoder = Setting(decoder, **options)
        self.parameters = [*self.decoder.module.parameters()]
        self.optimiser = torch.optim.AdamW(
            self.parameters, lr=request["learningRate"], weight_decay=request["weightDecay"], **optimiser_options
        )
        self.max_norm = request["maxGradientNorm"]

    def batch(self, request):
        self.condition, self.target = (array(request[name], request[f"{name}Shape"]) for name in ("condition", "target"))
        self.importance = array(request["importance"], [1, -1, 1, 1])

    def loss(self):
        valid = ~torch.isnan(self.target)
        difference = torch.where(valid, self.decoder(self.condition).float() - self.target, 0.0)
        return (self.importance * difference.square()).sum() / valid.sum()

    def step(self):
        began = time.perf_counter()
        loss = self.loss()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimiser.step()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "loss": loss.item(), "gradientNorm": self.exact_norm(norm.item())}

    def exact_norm(self, norm):
        """The norm before clipping, in float64: torch's, in float32, is off by 1e-3 for 65 million parameters."""
        gradients = (parameter.grad for parameter in self.parameters)
        clipped = math.sqrt(sum(torch.linalg.vector_norm(g, dtype=torch.float64).item() ** 2 for g in gradients))
        return clipped / min(1, self.max_norm / (norm + 1e-6))

    def forward(self):
        began = time.perf_counter()
        with torch.inference_mode():
            loss = self.loss()
        return {"seconds": time.perf_counter() - began, "loss": loss.item()}


def load(request):
    """One more decoder in training, by its name; the one that had it before is given up first."""
    models.pop(request["name"], None)
    training = models[request["name"]] = Training(request)
    return {"parameters": sum(parameter.numel() for parameter in training.parameters)}


def batch(request):
    models[request["name"]].batch(request)
    return {}


def step(request):
    return models[request["name"]].step()


def forward(request):
    return models[request["name"]].forward()


def forget(request):
    models.clear()
    return {}


serve(start, memory, load, batch, step, forward, forget)
