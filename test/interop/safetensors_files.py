"""Python's safetensors reads what this package writes, and the other way round: every dtype, shards, odd shapes."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from report import bridge, check, finish
from safetensors import safe_open
from safetensors.torch import load_file, save_file

work = Path(sys.argv[1])

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
SHAPES = {"matrix": (3, 5), "scalar": (), "empty": (0, 4), "vector": (17,), "cube": (2, 3, 4)}


def random_tensor(dtype, shape, generator):
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    if not dtype.is_floating_point:
        low, high = (0, 256) if dtype == torch.uint8 else (-(2**31), 2**31)
        return torch.randint(low, high, shape, generator=generator).to(dtype)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 30).to(dtype)


def special_values(dtype):
    """Signed zero, infinities, NaN, the largest, the smallest normal and a subnormal number."""
    info = torch.finfo(dtype)
    return torch.tensor([0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, info.tiny / 4], dtype=dtype)


def same_bytes(a, b):
    def bits(tensor):
        return tensor.contiguous().reshape(-1).view(torch.uint8)

    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))


def expected_values():
    generator = torch.Generator().manual_seed(3)
    tensors = {
        f"{name}.{kind}": random_tensor(dtype, shape, generator)
        for name, dtype in DTYPES.items()
        for kind, shape in SHAPES.items()
    }
    tensors |= {f"{name}.special": special_values(dtype) for name, dtype in DTYPES.items() if dtype.is_floating_point}
    tensors["名前 with spaces/and.ünïcode"] = torch.arange(4.0)
    return tensors


# Python writes, we read
theirs = expected_values()
save_file(theirs, work / "theirs.safetensors", metadata={"format": "pt", "note": "naïve — 名前"})
seen = bridge("read", work / "theirs.safetensors", work / "seen")
check("every tensor that Python wrote is listed", sorted(seen["tensors"]) == sorted(theirs))
check("metadata that Python wrote is read", seen["metadata"] == {"format": "pt", "note": "naïve — 名前"})
for name in DTYPES:
    ours = {key: value for key, value in seen["tensors"].items() if key.startswith(f"{name}.")}
    exact = all(
        entry["dtype"] == name
        and entry["shape"] == list(theirs[key].shape)
        and Path(entry["bytes"]).read_bytes() == bytes(theirs[key].contiguous().reshape(-1).view(torch.uint8).numpy())
        for key, entry in ours.items()
    )
    check(f"{name} tensors written by Python are read byte for byte", len(ours) > 0 and exact)
for name in ("F64", "F32", "F16", "BF16"):
    converted = all(
        np.array_equal(
            np.fromfile(seen["tensors"][key]["float32"], np.float32),
            theirs[key].float().numpy().reshape(-1),
            equal_nan=True,
        )
        for key in (f"{name}.matrix", f"{name}.special")
    )
    check(f"{name} values become the same float32 values", converted)

# we write, Python reads: the same bytes, through one file and through shards
bridge("copy", work / "theirs.safetensors", work / "ours.safetensors")
ours = load_file(work / "ours.safetensors")
check(
    "a file that we wrote holds the same tensors for Python",
    sorted(ours) == sorted(theirs) and all(same_bytes(ours[key], theirs[key]) for key in theirs),
)
with safe_open(work / "ours.safetensors", "pt") as file:
    check("metadata that we wrote is read by Python", file.metadata() == {"format": "pt", "note": "naïve — 名前"})

(work / "sharded").mkdir()
bridge("shard", work / "theirs.safetensors", work / "sharded", maxShardBytes=300)
index = json.loads((work / "sharded/model.safetensors.index.json").read_text())
shards = sorted({*index["weight_map"].values()})
check("a set over the limit becomes several shards", len(shards) > 3, f"{len(shards)} shards")
collected = {}
for shard in shards:
    collected |= load_file(work / "sharded" / shard)
check(
    "the shards that we wrote hold the same tensors for Python",
    sorted(collected) == sorted(theirs) and all(same_bytes(collected[key], theirs[key]) for key in theirs),
)
check(
    "the index names each tensor's own shard",
    all(key in load_file(work / "sharded" / shard) for key, shard in index["weight_map"].items()),
)

# values made here, not copied: a formula both sides know
bridge("formula", work / "formula.safetensors")
made = load_file(work / "formula.safetensors")
steps = (torch.arange(60, dtype=torch.float64) - 30) / 7
check(
    "float values that we wrote are the nearest of each dtype",
    all(same_bytes(made[name], steps.float().to(DTYPES[name]).reshape(3, 4, 5)) for name in ("F32", "F16", "BF16")),
)

# shards written by Hugging Face's own code are read as one set
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

tiny = LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=2,
    num_key_value_heads=1,
)
model = LlamaForCausalLM(tiny)
model.save_pretrained(work / "hf", max_shard_size="20KB")
state = {key: value for key, value in model.state_dict().items()}
seen = bridge("read", work / "hf", work / "hf_seen")
check(
    "a sharded model that transformers wrote is read as one set",
    len(list((work / "hf").glob("*.safetensors"))) > 1 and sorted(seen["tensors"]) == sorted(state),
)
check(
    "its values are equal",
    all(
        np.array_equal(np.fromfile(seen["tensors"][key]["float32"], np.float32), value.float().numpy().reshape(-1))
        for key, value in state.items()
    ),
)

finish()
