"""What torch.save writes is read byte for byte: dtypes, views, shared storages; what is more than tensors is refused."""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from report import bridge, check, dnd, finish
from torch.serialization import set_crc32_options

work = Path(sys.argv[1])
generator = torch.Generator().manual_seed(7)

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def random_tensor(dtype, *shape):
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    if not dtype.is_floating_point:
        return torch.randint(0, 256, shape, generator=generator).to(dtype)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 30).to(dtype)


def views(dtype):
    """Views of one storage, and of others."""
    whole = random_tensor(dtype, 6, 8, 10)
    return {
        "whole": whole,
        "transposed": whole.transpose(0, 2),
        "permuted": whole.permute(1, 2, 0),
        "part": whole[2:4, 1:],
        "columns": whole[:, :, 3::4],
        "one": whole[5, 7, 9],
        "empty": whole[:0],
        "expanded": whole[0, :, :1].expand(8, 5),
        "diagonal": whole.diagonal(dim1=1, dim2=2),
        "windows": whole.reshape(-1).unfold(0, 7, 3),
        "scalar": random_tensor(dtype),
        "none": random_tensor(dtype, 0, 4),
    }


def special_values(dtype):
    info = torch.finfo(dtype)
    return torch.tensor([0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, info.tiny / 4], dtype=dtype)


def raw(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def exact(path, expected):
    """Whether the archive holds these tensors, byte for byte, and no others."""
    seen = bridge("read", path, work / f"{path.stem}-seen")["tensors"]
    names = {dtype: name for name, dtype in DTYPES.items()}
    if sorted(seen) != sorted(expected):
        print(sorted(set(seen) ^ set(expected)))
        return False
    wrong = [
        key
        for key, tensor in expected.items()
        if seen[key]["dtype"] != names[tensor.dtype]
        or seen[key]["shape"] != list(tensor.shape)
        or Path(seen[key]["bytes"]).read_bytes() != raw(tensor)
        or (
            tensor.dtype.is_floating_point
            and not np.array_equal(
                np.fromfile(seen[key]["float32"], np.float32),
                tensor.detach().float().numpy().reshape(-1),
                equal_nan=True,
            )
        )
    ]
    if wrong:
        print(wrong)
    return not wrong


def save(name, value, **options):
    path = work / f"{name}.pth"
    torch.save(value, path, **options)
    return path


for name, dtype in DTYPES.items():
    tensors = views(dtype) | ({"special": special_values(dtype)} if dtype.is_floating_point else {})
    check(f"{name}: views of one storage and of others are read byte for byte", exact(save(name, tensors), tensors))

sample = views(torch.float32) | {"brain": special_values(torch.bfloat16)}
for protocol in (2, 3, 4, 5):
    path = save(f"protocol-{protocol}", sample, pickle_protocol=protocol)
    check(f"pickle protocol {protocol} is read", exact(path, sample))

model = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 7))
model.add_module("tied", torch.nn.Linear(7, 5))
model.tied.weight = model[0].weight
state = model.state_dict()
check("the state dict of a model, with tied weights, is read", exact(save("model", state), state))
parameters = {name: parameter for name, parameter in model.named_parameters()}
check("parameters are read", exact(save("parameters", parameters), parameters))
check("a tensor saved alone is read", exact(save("alone", state["0.weight"]), {"tensor": state["0.weight"]}))

optimizer = torch.optim.AdamW(model.parameters())
model(torch.randn(4, 7, generator=generator)).sum().backward()
optimizer.step()
training = {"model": state, "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25, "note": "naïve", "big": 2**70}
moments = {
    f"optimizer.state.{index}.{key}": value
    for index, own in training["optimizer"]["state"].items()
    for key, value in own.items()
}
expected = {f"model.{name}": value for name, value in state.items()} | moments
check("a whole training state is read", exact(save("training", training), expected))

half = OrderedDict((name, value.half() if value.is_floating_point() else value) for name, value in state.items())
check("a half-precision state dict is read", exact(save("half", half), half))

set_crc32_options(False)
unchecked = save("unchecked", sample)
set_crc32_options(True)
check("an archive without checksums is read", exact(unchecked, sample))

refusals = {
    "legacy": (save("legacy", state, _use_new_zipfile_serialization=False), "before PyTorch 1.6"),
    "module": (save("module", model), "torch.nn.modules.container.Sequential"),
    "float8": (save("float8", {"a": torch.ones(2).to(torch.float8_e4m3fn)}), "torch._utils._rebuild_tensor_v3"),
    "int16": (save("int16", {"a": torch.ones(2, dtype=torch.int16)}), "torch.ShortStorage"),
    "numpy": (save("numpy", {"a": np.float64(1.5)}), "numpy"),
    "path": (save("path", {"a": Path("x"), "t": torch.ones(1)}), "pathlib."),
    "conjugated": (save("conjugated", {"a": torch.ones(2, dtype=torch.complex64)}), "torch.ComplexFloatStorage"),
    "sparse": (save("sparse", {"a": torch.eye(3).to_sparse()}), "torch._utils._rebuild_sparse_tensor"),
    "quantised": (
        save("quantised", {"a": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}),
        "torch._utils._rebuild_qtensor",
    ),
}
script = work / "script.pth"
torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), script)
refusals["TorchScript"] = (script, "TorchScript")
for name, (path, word) in refusals.items():
    done = dnd("inspect", path)
    check(f"{name} is refused by its name", done.code == 1 and word in done.stderr, done.stderr.strip()[:160])

cut = work / "cut.pth"
cut.write_bytes((work / "model.pth").read_bytes()[:-200])
done = dnd("inspect", cut)
check("a cut archive is refused", done.code == 1 and "truncated" in done.stderr)

finish()
