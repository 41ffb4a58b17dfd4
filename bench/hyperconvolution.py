"""The decoder of Drag-and-Drop LLMs (arXiv 2506.16406) in PyTorch, written from the equations of docs/mathematics.md
with the reference's parameter names. The peer of the benchmark, not a part of the package."""

import torch
from torch import nn

# for each axis that plays the channels: [batch, tokens, height, width] → [batch, channels, picture i, picture j], and back
PERMUTATION = {"width": (0, 3, 2, 1), "height": (0, 2, 1, 3), "token": (0, 1, 2, 3)}


def convolve(x, axis, weight, bias=None):
    order = PERMUTATION[axis]  # each is its own inverse
    return nn.functional.conv2d(x.permute(order), weight, bias, padding=weight.shape[-1] // 2).permute(order)


def convolve_channels_last(x, axis, weight, bias=None):
    """The same on a picture and a weight whose channels lie together."""
    order = PERMUTATION[axis]
    x, weight = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x.permute(order), weight))
    return nn.functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2).permute(order)


def _weight(out_channels, in_channels, kernel_size):
    return nn.Parameter(nn.Conv2d(in_channels, out_channels, kernel_size, bias=False).weight.detach())


class _Axis(nn.Module):
    def __init__(self, out_channels, in_channels, kernel_size, bias=False):
        super().__init__()
        self.weight = _weight(out_channels, in_channels, kernel_size)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None


class _Plane(nn.Module):
    """LayerNorm, then width and height convolutions in both orders, summed."""

    def __init__(self, source, target, kernel_size):
        super().__init__()
        (_, h, w), (_, h2, w2) = source, target
        self.norm = nn.LayerNorm((h, w))
        self.conv1w = _Axis(w2, w, kernel_size)
        self.conv1h = _Axis(h2, h, kernel_size)
        self.conv2h = _Axis(h2, h, kernel_size)
        self.conv2w = _Axis(w2, w, kernel_size)
        self.bias = nn.Parameter(torch.zeros(h2, w2))

    def forward(self, x):
        x = self.norm(x)
        a = convolve(convolve(x, "width", self.conv1w.weight), "height", self.conv1h.weight)
        p = convolve(convolve(x, "height", self.conv2h.weight), "width", self.conv2w.weight)
        return (a + torch.tanh(p) + self.bias) / 3


class _Layer(nn.Module):
    def __init__(self, source, target, kernel_size):
        super().__init__()
        self.linear1 = _Plane(source, target, kernel_size)
        self.linear2 = _Axis(target[0], source[0], kernel_size, bias=True)

    def forward(self, x):
        y = convolve(self.linear1(x), "token", self.linear2.weight, self.linear2.bias)
        return y + x if y.shape == x.shape else y


class Decoder(nn.Module):
    """features: [[tokens, height, width], …], the condition's shape first; x: [batch, tokens, height, width]."""

    def __init__(self, features, kernel_size, projected_from=0):
        super().__init__()
        self.module_list = nn.ModuleList(_Layer(a, b, kernel_size) for a, b in zip(features, features[1:]))
        self.projected_from = projected_from
        if projected_from:
            length = features[0][1]
            self.down_proj, self.gate_proj = nn.Linear(projected_from, length), nn.Linear(length, length)

    def forward(self, x):
        if self.projected_from:  # re-interpreted, not transposed
            batch, prompts, length, channels = x.shape
            x = self.gate_proj(self.down_proj(x.reshape(batch, prompts, channels, length))).reshape(
                batch, prompts, -1, channels
            )
        for layer in self.module_list:
            x = layer(x)
        return x
