"""The benchmark's peer: PyTorch and transformers. Reads one JSON request a line, answers one JSON line each.

Started by bench/peer.cjs. Every `seconds` is the time of the computation alone, as measured here; files are raw
little-endian float32 (or int32 for ids and masks)."""

import math
import os
import time

import numpy as np
import torch
from hyperconvolution import Decoder, convolve
from serving import serve

models = {}


def timed(work):
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


WARM_UP_SECONDS = 5  # as bench/statistics.cjs and native/model/measure.h


def repeated(work, request):
    """Seconds of several runs; a first one that takes long counts, others only warm up."""
    first = timed(work)[1]
    seconds = [first] if first > WARM_UP_SECONDS else []
    while not seconds or (len(seconds) < request["runs"] and sum(seconds) < request["enoughSeconds"]):
        seconds.append(timed(work)[1])
    return seconds


def random(*shape, bound=1.0):
    """Uniform numbers, of which only the first million are made: gigabytes of weights shall cost no more than a copy."""
    count = math.prod(shape)
    block = torch.empty(min(count, 2**20)).uniform_(-bound, bound)
    return block.repeat(-(-count // len(block)))[:count].view(shape)


def array(path, shape, dtype=np.float32):
    return torch.from_numpy(np.fromfile(path, dtype).reshape(shape))


def start(request):
    torch.set_num_threads(request["threads"])
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "oneDNN": torch.backends.mkldnn.is_available(),
        "isa": torch.backends.cpu.get_cpu_capability(),
    }


def gemm(request):
    n = request["n"]
    a, b = torch.randn(n, n), torch.randn(n, n)
    return {"seconds": timed(lambda: torch.mm(a, b))[1]}


def convolution(request):
    axis, k = request["axis"], request["kernelSize"]
    shape = [request["tokens"], request["height"], request["width"]]
    in_channels = shape[["token", "height", "width"].index(axis)]
    x = random(request["batch"], *shape)
    weight = random(request["outputChannels"], in_channels, k, k, bound=(in_channels * k * k) ** -0.5)
    return {"seconds": repeated(lambda: convolve(x, axis, weight).contiguous(), request)}


def load_decoder(request):
    from safetensors import safe_open

    with torch.device("meta"):
        decoder = Decoder(request["features"], request["kernelSize"], request["projectedFrom"])
    state = {}
    for path in request["weights"]:
        with safe_open(path, "pt") as file:
            state |= {key.removeprefix("decoder."): file.get_tensor(key).clone() for key in file.keys()}
    decoder.load_state_dict(state, assign=True)
    models["decoder"] = decoder.eval()
    return {"parameters": sum(parameter.numel() for parameter in decoder.parameters())}


def decoder(request):
    condition = array(request["condition"], request["shape"])
    output, seconds = timed(lambda: models["decoder"](condition))
    output.contiguous().numpy().tofile(request["output"])
    return {"seconds": seconds}


def load_encoder(request):
    from transformers import BertModel

    models["encoder"] = BertModel.from_pretrained(
        request["folder"], dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    return {}


def encoder(request):
    ids, mask = (array(request[name], request["shape"], np.int32).long() for name in ("ids", "mask"))
    batches = list(zip(ids.split(request["batch"]), mask.split(request["batch"]), strict=True))
    states, seconds = timed(
        lambda: torch.cat([models["encoder"](input_ids=i, attention_mask=m).last_hidden_state for i, m in batches])
    )
    states.numpy().tofile(request["output"])
    return {"seconds": seconds}


def write(request):
    """Float32 tensors → BF16 safetensors on the disk, flushed, as this package does it."""
    from safetensors.torch import save_file

    tensors = {tensor["name"]: torch.randn(tensor["shape"]) for tensor in request["tensors"]}

    def save():
        save_file(
            {name: tensor.bfloat16() for name, tensor in tensors.items()}, request["path"], metadata={"format": "pt"}
        )
        with open(request["path"], "rb") as file:
            os.fsync(file.fileno())

    return {"seconds": timed(save)[1]}


def forget(request):
    models.clear()
    return {}


with torch.inference_mode():
    serve(start, gemm, convolution, load_decoder, decoder, load_encoder, encoder, write, forget)
