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
    prompts = [item["prompt"] for item in items]
    (work / "prompts.json").write_text(json.dumps(prompts))
    expected = tokenizer(prompts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    with torch.inference_mode():
        reference = model(**expected).last_hidden_state
    mask = expected["attention_mask"].bool()
    mean = (reference * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    bridge("encode", folder, work / "prompts.json", work / "ours.safetensors", maxLength=length)
    ours = load_file(work / "ours.safetensors")
    case = f"{count} prompts of {name}, maxLength {length}"
    same = torch.equal(ours["ids"].long(), expected["input_ids"]) and torch.equal(
        ours["mask"].long(), expected["attention_mask"]
    )
    check(f"{case}: token ids equal those of transformers", same, f"{int(mask.sum())} tokens")
    for what, states, wanted in (
        ("states, padding encoded", ours["encode.none"], reference),
        ("states, padding zero", ours["zero.none"], reference * mask[..., None]),
        ("mean", ours["encode.mean"], mean),
        ("cls", ours["encode.cls"], reference[:, 0]),
    ):
        error = relative_error(states.reshape(wanted.shape), wanted)
        check(f"{case}: {what}", error <= TOLERANCE, f"relative error {error:.1e} ≤ {TOLERANCE}")

finish()
