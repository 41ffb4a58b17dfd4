"""SmolLM2-135M-Instruct out of its Q4_1 GGUF file: this package against transformers on the same weights, dequantised.

smollm2.json has what transformers 5.23 computed (see "what" in it). Then the file is the base
of fine-tuning, and of an adapter's layout.
"""

import json
import subprocess
import sys
from pathlib import Path

from report import HERE, ROOT, bridge, check, dnd, finish
from safetensors import safe_open

work = Path(sys.argv[1])
TOLERANCE = 1e-3
LAYERS, MODULES, RANK = 30, 7, 4

fetch = [ROOT / "scripts/fetch-models.sh", "smollm2"]
model = subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

golden = json.loads((HERE / "smollm2.json").read_text())
answers = bridge("language-golden", model, HERE / "smollm2.json")
for case, ours in zip(golden["cases"], answers, strict=True):
    question = case["text"].split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
    check(f"{question} token ids equal", ours["ids"] == case["ids"], f"{len(case['ids'])} tokens")
    check(f"{question} the chat template gives the text", ours["text"] == case["text"])
    top = case["last_logits_top"]
    error = max(abs(a - b) for a, b in zip(ours["topValues"], top["values"], strict=True))
    check(f"{question} the eight most likely tokens", ours["topIds"] == top["ids"], str(top["ids"]))
    check(f"{question} their logits", error <= TOLERANCE, f"{error:.1e} ≤ {TOLERANCE}")
    answer = case["greedy_text"].removesuffix("<|im_end|>")
    check(f"{question} the greedy answer", ours["answer"] == answer, json.dumps(ours["answer"]))

items = [{"prompt": f"What is {n} plus one?", "response": f"{n + 1}."} for n in range(4)]
(work / "train.json").write_text(json.dumps(items))
settings = ["--rank", RANK, "--steps", 0, "--checkpoints", 1, "--batch", 2]
task = ["--train", work / "train.json", "--task", "sums", "--out", work / "pairs"]
dnd("finetune", "--base", model, *task, *settings).must_succeed()
checkpoint = work / "pairs/sums/checkpoints/checkpoint-1/adapter_model.safetensors"
with safe_open(checkpoint, "pt") as file:
    names = list(file.keys())
    trained = sum(bool(file.get_tensor(name).any()) for name in names if "lora_B" in name)
matrices = LAYERS * MODULES
counts = (len(names), trained)
check("dnd finetune trains every module of it", counts == (2 * matrices, matrices), f"{trained} of {matrices}")

config = ROOT / "test/fixtures/bases/smollm2-135m.json"
ours, expected = (bridge("layout", base, rank=RANK) for base in (model, config))
check("an adapter's layout is that of its config.json", ours == expected, json.dumps(ours))

finish()
