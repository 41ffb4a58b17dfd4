"""Ways in which PyTorch can run the same module. Which one is fastest depends on the machine and on the shapes, so each is
tried, and the fastest is the peer."""

import copy

import hyperconvolution
import torch
from hyperconvolution import convolve, convolve_channels_last

CHANNELS_LAST = {"convolve": convolve_channels_last}
WEIGHTS, AUTOCAST, COMPILED = {"weights": torch.bfloat16}, {"autocast": True}, {"compiled": True}
# By the precision of the products.
SETTINGS = {
    "fp32": {"as published": {}, "channels last": CHANNELS_LAST, "compiled": COMPILED},
    "bf16": {
        "bfloat16 weights": WEIGHTS,
        "bfloat16 weights, channels last": WEIGHTS | CHANNELS_LAST,
        "autocast": AUTOCAST,
        "autocast, channels last": AUTOCAST | CHANNELS_LAST,
        "bfloat16 weights, compiled": WEIGHTS | COMPILED,
        "autocast, compiled": AUTOCAST | COMPILED,
    },
}


class Setting:
    """A module, run in one of these ways."""

    def __init__(self, module, *, weights=torch.float32, autocast=False, convolve=convolve, compiled=False):
        self.dtype, self.autocast, self.convolve, self.compiled = weights, autocast, convolve, compiled
        self.module = module if weights == torch.float32 else copy.deepcopy(module).to(weights)
        if compiled:
            self.module = torch.compile(self.module)

    def __call__(self, *inputs, **named):
        hyperconvolution.convolve = self.convolve
        inputs = [value.to(self.dtype) if value.is_floating_point() else value for value in inputs]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return self.module(*inputs, **named)
