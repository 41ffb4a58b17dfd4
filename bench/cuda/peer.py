"""The peer of `npm run bench -- --device cuda`: PyTorch on the same device. Reads one JSON request a line, answers one JSON
line each; started by bench/peer.cjs.

Everything runs under bf16 autocast with cudnn.benchmark. Convolutions are tried in several layouts (as published,
channels last, channels padded to a multiple of 8, both; weights cast beforehand), and the fastest counts. Device times
are those of CUDA events, inputs rotated so that the level-2 cache does not flatter."""

import itertools
import math
import os
import statistics
import sys
import time

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import hyperconvolution  # noqa: E402
from hyperconvolution import PERMUTATION  # noqa: E402
from serving import serve  # noqa: E402

published = hyperconvolution.convolve
models = {}
MULTIPLE = 8
ROTATED_BYTES = 512 * 2**20
WARM_UP_RUNS = 3


class Variant:
    """A way to run the published convolution. Weights are cast, padded and laid out once."""

    def __init__(self, channels_last, padded):
        self.channels_last, self.padded = channels_last, padded
        self.weights = {}

    def __str__(self):
        return ", ".join(
            name for name, on in (("channels last", self.channels_last), ("padded", self.padded)) if on
        ) or "weights cast"

    def laid_out(self, x):
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x.contiguous()

    def prepared(self, weight):
        if id(weight) not in self.weights:
            cast = weight.detach().bfloat16()
            if self.padded:
                cast = functional.pad(cast, (0, 0, 0, 0, 0, -cast.shape[1] % MULTIPLE, 0, -cast.shape[0] % MULTIPLE))
            self.weights[id(weight)] = self.laid_out(cast)
        return self.weights[id(weight)]

    def convolve(self, x, axis, weight, bias=None):
        order = PERMUTATION[axis]
        kernel = self.prepared(weight)
        x = x.permute(order).bfloat16()
        if self.padded:
            x = functional.pad(x, (0, 0, 0, 0, 0, kernel.shape[1] - x.shape[1]))
        y = functional.conv2d(self.laid_out(x), kernel, padding=kernel.shape[-1] // 2)[:, : weight.shape[0]]
        return (y if bias is None else y + bias.bfloat16().view(1, -1, 1, 1)).permute(order)


class Published:
    """As published: autocast casts and lays out by itself."""

    def __str__(self):
        return "as published"

    convolve = staticmethod(published)


def variants():
    return [Published()] + [Variant(last, padded) for last, padded in itertools.product((False, True), repeat=2)]


def event_seconds(work, request):
    """Seconds of several runs of work(run) on the device, the first few not counted."""
    for run in range(WARM_UP_RUNS):
        work(run)
    torch.cuda.synchronize()
    seconds = []
    while not seconds or (len(seconds) < request["runs"] and sum(seconds) < request["enoughSeconds"]):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work(len(seconds))
        end.record()
        end.synchronize()
        seconds.append(begin.elapsed_time(end) / 1000)
    return seconds


def random(*shape, bound=1.0):
    return torch.empty(shape, device="cuda").uniform_(-bound, bound)


def start(request):
    if not torch.cuda.is_available():
        raise RuntimeError("its PyTorch finds no CUDA device: set DND_PYTHON to one with a torch for CUDA")
    torch.backends.cudnn.benchmark = True
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "device": torch.cuda.get_device_name(),
    }


def peaks(request):
    dtype = torch.float32 if request["precision"] == "fp32" else torch.float16
    a, b = (random(request["n"], request["n"]).to(dtype) for _ in range(2))
    c = torch.empty_like(a)
    with torch.autocast("cuda", enabled=False):
        product = event_seconds(lambda _: torch.mm(a, b, out=c), request)
    size = min(2**31, torch.cuda.mem_get_info()[0] // 4)
    source = torch.ones(size, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return {"product": product, "copy": event_seconds(lambda _: target.copy_(source), request), "copyBytes": size}


def convolution(request):
    axis, k = request["axis"], request["kernelSize"]
    shape = [request["tokens"], request["height"], request["width"]]
    channels = shape[["token", "height", "width"].index(axis)]
    elements = request["batch"] * math.prod(shape)
    copies = max(1, min(8, ROTATED_BYTES // (4 * elements)))
    inputs = [random(request["batch"], *shape) for _ in range(copies)]
    weight = random(request["outputChannels"], channels, k, k, bound=(channels * k * k) ** -0.5)
    return best(lambda variant: lambda run: variant.convolve(inputs[run % copies], axis, weight), request)


def best(work_of, request):
    """The variant with the least median; one that fails is passed over, unless all do."""
    measured, failure = [], None
    for variant in variants():
        try:
            measured.append((event_seconds(work_of(variant), request), variant))
        except RuntimeError as error:
            failure = error
            torch.cuda.empty_cache()
    if not measured:
        raise failure
    seconds, variant = min(measured, key=lambda pair: statistics.median(pair[0]))
    return {"seconds": seconds, "variant": str(variant)}


def load_decoder(request):
    from safetensors import safe_open

    with torch.device("meta"):
        decoder = hyperconvolution.Decoder(request["features"], request["kernelSize"], request["projectedFrom"])
    state = {}
    for path in request["weights"]:
        with safe_open(path, "pt", device="cuda") as file:
            state |= {key.removeprefix("decoder."): file.get_tensor(key) for key in file.keys()}
    decoder.load_state_dict(state, assign=True)
    models["decoder"] = decoder.eval()
    models["variant"] = None
    return {}


def host_array(path, shape, dtype=np.float32):
    return torch.from_numpy(np.fromfile(path, dtype).reshape(shape))


def run_decoder(condition, variant):
    hyperconvolution.convolve = variant.convolve
    return models["decoder"](condition)


def decoder(request):
    """Host memory to host memory. The variant is chosen by the first call after load_decoder and kept."""
    condition = host_array(request["condition"], request["shape"])
    if request.get("precision") == "float64":
        output, seconds = exact_decoder(condition), None
    else:
        if models["variant"] is None:
            models["variant"] = fastest_decoder(condition.cuda())
        began = time.perf_counter()
        output = run_decoder(condition.cuda(), models["variant"]).float().cpu()
        seconds = time.perf_counter() - began
    if request.get("write"):
        output.contiguous().float().numpy().tofile(request["output"])
    return {"seconds": seconds, "variant": str(models["variant"])}


def fastest_decoder(condition):
    limits = {"runs": 3, "enoughSeconds": 10}
    name = best(lambda variant: lambda _: run_decoder(condition, variant), limits)["variant"]
    return next(variant for variant in variants() if str(variant) == name)


def exact_decoder(condition):
    hyperconvolution.convolve = published
    torch.backends.cudnn.benchmark = False
    try:
        with torch.autocast("cuda", enabled=False):
            models["decoder"].double()
            return models["decoder"](condition.cuda().double()).cpu()
    finally:
        models["decoder"].float()
        torch.backends.cudnn.benchmark = True


def load_encoder(request):
    from transformers import BertModel

    model = BertModel.from_pretrained(request["folder"], dtype=torch.float32, attn_implementation="sdpa")
    models["encoder"] = model.eval().cuda()
    return {}


def encoder(request):
    """Ids in host memory to states in host memory."""
    exact = request.get("precision") == "float64"
    began = time.perf_counter()
    ids, mask = (host_array(request[name], request["shape"], np.int32).long().cuda() for name in ("ids", "mask"))
    model = models["encoder"].double() if exact else models["encoder"]
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=not exact):
        parts = zip(ids.split(32), mask.split(32), strict=True) if exact else [(ids, mask)]
        states = torch.cat([model(input_ids=i, attention_mask=m).last_hidden_state for i, m in parts]).float().cpu()
    seconds = time.perf_counter() - began
    if exact:
        models["encoder"].float()
    if request.get("write"):
        states.numpy().tofile(request["output"])
    return {"seconds": seconds}


def forget(request):
    models.clear()
    torch.cuda.empty_cache()
    return {}


def free_cache():
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16, enabled=torch.cuda.is_available()):
    serve(start, peaks, convolution, load_decoder, decoder, load_encoder, encoder, forget, after_failure=free_cache)
