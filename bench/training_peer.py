"""The peer of the benchmark's part `training`: PyTorch. Reads one JSON request a line, answers one JSON line each.

Started by bench/peer.cjs, in a process of its own where its memory is measured. Files are raw little-endian float32."""

import math
import resource
import sys
import time

import hyperconvolution
import numpy as np
import torch
from hyperconvolution import Decoder, convolve, convolve_channels_last
from serving import serve

models = {}


# Ways to run the same module; which is fastest depends on the shapes, so all are tried and the best is measured.
CONVOLUTIONS = {
    "as published": convolve,
    "channels last": convolve_channels_last,
}
OPTIMISERS = {"": {}, "fused AdamW": {"fused": True}}
VARIANTS = {
    ", ".join(name for name in (convolution, optimiser) if name): (CONVOLUTIONS[convolution], OPTIMISERS[optimiser])
    for optimiser in OPTIMISERS
    for convolution in CONVOLUTIONS
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
        "variants": [*VARIANTS],
    }


def memory(request):
    """What the process holds now and has held at most. On Linux; else only the latter."""
    try:
        return {"bytes": status_bytes("VmRSS"), "peakBytes": status_bytes("VmHWM")}
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return {"bytes": None, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale}


class Training:
    """One whole training step of a decoder, as the reference does it (docs/mathematics.md), in float32."""

    def __init__(self, request):
        from safetensors import safe_open

        convolve, self.optimiser_options = VARIANTS[request["variant"]]
        hyperconvolution.convolve = convolve
        with torch.device("meta"):
            self.decoder = Decoder(request["features"], request["kernelSize"])
        with safe_open(request["weights"], "pt") as file:
            state = {key.removeprefix("decoder."): file.get_tensor(key).clone() for key in file.keys()}
        self.decoder.load_state_dict(state, assign=True)
        for parameter in self.decoder.parameters():
            parameter.requires_grad_(True)
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), lr=request["learningRate"], weight_decay=request["weightDecay"],
            **self.optimiser_options,
        )
        self.max_norm = request["maxGradientNorm"]

    def batch(self, request):
        self.condition, self.target = (array(request[name], request[f"{name}Shape"]) for name in ("condition", "target"))
        self.importance = array(request["importance"], [1, -1, 1, 1])

    def loss(self):
        valid = ~torch.isnan(self.target)
        difference = torch.where(valid, self.decoder(self.condition) - self.target, 0.0)
        return (self.importance * difference.square()).sum() / valid.sum()

    def step(self):
        began = time.perf_counter()
        loss = self.loss()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), self.max_norm)
        self.optimiser.step()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "loss": loss.item(), "gradientNorm": self.exact_norm(norm.item())}

    def exact_norm(self, norm):
        """The norm before clipping, in float64: torch's, in float32, is off by 1e-3 for 65 million parameters."""
        gradients = (parameter.grad for parameter in self.decoder.parameters())
        clipped = math.sqrt(sum(torch.linalg.vector_norm(g, dtype=torch.float64).item() ** 2 for g in gradients))
        return clipped / min(1, self.max_norm / (norm + 1e-6))

    def forward(self):
        began = time.perf_counter()
        with torch.inference_mode():
            loss = self.loss()
        return {"seconds": time.perf_counter() - began, "loss": loss.item()}


def load(request):
    models["training"] = Training(request)
    return {"parameters": sum(parameter.numel() for parameter in models["training"].decoder.parameters())}


def batch(request):
    models["training"].batch(request)
    return {}


def step(request):
    return models["training"].step()


def forward(request):
    return models["training"].forward()


def forget(request):
    models.clear()
    return {}


serve(start, memory, load, batch, step, forward, forget)
