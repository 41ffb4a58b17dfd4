"""all-MiniLM-L6-v2 with its real weights: this package against transformers, on committed real prompts."""

import json
import sys
from pathlib import Path

import torch
from report import ROOT, bridge, check, finish
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertModel

work, folder = Path(sys.argv[1]), Path(sys.argv[2])
TOLERANCE = 1e-4
torch.set_num_threads(2)

# prompt set, how many of it, maxLength: one cuts most prompts short, the other leaves room to pad
CASES = [("gsm8k", 24, 64), ("gsm8k", 8, 256), ("humaneval", 24, 128), ("humaneval", 6, 384)]

tokenizer = AutoTokenizer.from_pretrained(folder)
model = BertModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()


def relative_error(ours, reference):
    return ((ours.double() - reference).norm() / reference.norm()).item()


for name, count, length in CASES:
    items = json.loads((ROOT / f"examples/prompts/{name}.json").read_text())[:count]
    prompts = [item["prompt"] if isinstance(item, dict) else item for item in items]
    (work / "prompts.json").write_text(json.dumps(prompts))
    expected = tokenizer(prompts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    with torch.inference_mode():
        reference = model(**expected).last_hidden_state
    mask = expected["attention_mask"].bool()
    mean = (reference * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    ours = {}
    for padding, pooling in (("encode", "none"), ("zero", "none"), ("encode", "mean"), ("encode", "cls")):
        out = work / f"{name}-{length}-{padding}-{pooling}.safetensors"
        bridge("encode", folder, work / "prompts.json", out, maxLength=length, padding=padding, pooling=pooling)
        ours[padding, pooling] = load_file(out)

    case = f"{count} prompts of {name}, maxLength {length}"
    seen = ours["encode", "none"]
    check(f"{case}: token ids equal those of transformers", torch.equal(seen["ids"].long(), expected["input_ids"]) and torch.equal(seen["mask"].long(), expected["attention_mask"]), f"{int(mask.sum())} tokens")
    for what, states, wanted in (
        ("states, padding encoded", seen["states"], reference),
        ("states, padding zero", ours["zero", "none"]["states"], reference * mask[..., None]),
        ("mean", ours["encode", "mean"]["states"], mean),
        ("cls", ours["encode", "cls"]["states"], reference[:, 0]),
    ):
        error = relative_error(states.reshape(wanted.shape), wanted)
        check(f"{case}: {what}", error <= TOLERANCE, f"relative error {error:.1e} ≤ {TOLERANCE}")

finish()
