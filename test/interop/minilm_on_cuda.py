"""The first two layers of all-MiniLM-L6-v2 on the emulated CUDA device: one short real prompt, against transformers."""

import json
import os
import shutil
import sys
from pathlib import Path

import torch
from report import ROOT, bridge, check, finish
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertModel

work, folder = Path(sys.argv[1]), Path(sys.argv[2])
LIBRARY = ROOT / "build-native/plain/cuda/libdnd_cuda_emulated.so"
TOLERANCES = {"mixed": 2e-3, "fp32": 1e-5}
LENGTH = 48
torch.set_num_threads(2)

if not check("the emulated CUDA library is there", LIBRARY.exists(), "scripts/test-cuda.sh emulated makes it"):
    finish()
os.environ["DND_CUDA_LIBRARY"] = str(LIBRARY)

short = work / "two-layers"
shutil.copytree(folder, short, ignore=shutil.ignore_patterns("*.safetensors", "*.bin", "*.onnx"))
model = BertModel.from_pretrained(folder, num_hidden_layers=2, attn_implementation="eager").eval()
model.save_pretrained(short)
prompt = min((item["prompt"] for item in json.loads((ROOT / "examples/prompts/gsm8k.json").read_text())), key=len)
(work / "prompts.json").write_text(json.dumps([prompt]))
tokens = AutoTokenizer.from_pretrained(folder)(
    [prompt], padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
)
mask = tokens["attention_mask"].bool()
with torch.inference_mode():
    reference = model.double()(**tokens).last_hidden_state

for precision, tolerance in TOLERANCES.items():
    options = {} if precision == "mixed" else {"precision": precision}
    target = work / f"{precision}.safetensors"
    bridge("encode", short, work / "prompts.json", target, maxLength=LENGTH, device="cuda", **options)
    ours = load_file(target)
    for what, states, wanted in (
        ("states, padding encoded", ours["encode.none"], reference),
        ("states, padding zero", ours["zero.none"], reference * mask[..., None]),
        ("mean", ours["encode.mean"], (reference * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)),
        ("cls", ours["encode.cls"], reference[:, 0]),
    ):
        error = ((states.double().reshape(wanted.shape) - wanted).norm() / wanted.norm()).item()
        check(f"{precision}, {int(mask.sum())} tokens: {what}", error <= tolerance, f"{error:.1e} ≤ {tolerance}")

finish()
