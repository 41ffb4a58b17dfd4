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
from settings import SETTINGS, Setting

models = {}

def fastest(module, request, run):
    """Tries every setting of the request's precision; `run` is given each. Returns the fastest, and what all took: a
    sentence instead of seconds where one cannot run."""
    found, tried, best = None, {}, math.inf
    for name, options in SETTINGS[request["precision"]].items():
        if not request["convolutions"] and "convolve" in options:
            continue
        if request["quick"] and "compiled" in options:
            continue
        try:
            setting = Setting(module, **options)
            first = timed(lambda: run(setting))[1]  # compiled there, if at all: then it is no figure
            short = first <= WARM_UP_SECONDS or setting.compiled
            tried[name] = min(timed(lambda: run(setting))[1] for _ in range(2)) if short else first
        except Exception as error:
            tried[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            continue
        if tried[name] < best:
            found, best = (name, setting), tried[name]
    name, setting = found
    return setting, {"fastest": name, "tried": tried}


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


def choose_decoder(request):
    condition = array(request["condition"], request["shape"])
    models["decoder", request["precision"]], about = fastest(
        models["decoder"], request | {"convolutions": True}, lambda setting: setting(condition)
    )
    return about


def decoder(request):
    condition = array(request["condition"], request["shape"])
    output, seconds = timed(lambda: models["decoder", request["precision"]](condition))
    output.float().contiguous().numpy().tofile(request["output"])
    return {"seconds": seconds}


def load_encoder(request):
    from transformers import BertModel

    models["encoder"] = BertModel.from_pretrained(
        request["folder"], dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    return {}


def encode(setting, request):
    ids, mask = (array(request[name], request["shape"], np.int32).long() for name in ("ids", "mask"))
    batches = zip(ids.split(request["batch"]), mask.split(request["batch"]), strict=True)
    return torch.cat([setting(input_ids=i, attention_mask=m).last_hidden_state for i, m in batches])


def choose_encoder(request):
    models["encoder", request["precision"]], about = fastest(
        models["encoder"], request | {"convolutions": False}, lambda setting: encode(setting, request)
    )
    return about


def encoder(request):
    states, seconds = timed(lambda: encode(models["encoder", request["precision"]], request))
    states.float().numpy().tofile(request["output"])
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
    serve(
        start, gemm, convolution, load_decoder, choose_decoder, decoder, load_encoder, choose_encoder, encoder, write, forget
    )
