"""By hand, not in CI: PEFT loads a generated adapter onto a whole Qwen2.5-0.5B (494 million random weights).

    python test/interop/full_size_peft.py <adapter folder> [<scratch folder>]

Takes about 8 GB of memory and a minute. How the adapter is made: docs/ci.md."""

import sys
import tempfile
from pathlib import Path

import torch
from bases import add_merge, load_adapter, logits_of, random_base, token_ids
from report import HERE, bridge, check, finish, note
from safetensors import safe_open
from transformers import Qwen2Config, Qwen2ForCausalLM

adapter = Path(sys.argv[1])
scratch = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="dnd-lora-"))
TOLERANCE = 1e-5
# Of the base's weights, as Qwen2.5's configuration has it; the small bases of the other checks are drawn wider.
STANDARD_DEVIATION = 0.02

config = Qwen2Config.from_json_file(HERE / "qwen2.5-0.5b.json")
base = random_base(config, Qwen2ForCausalLM, torch.float32, deviation=STANDARD_DEVIATION)
count = sum(parameter.numel() for parameter in base.parameters())
check("the base model has the size of Qwen2.5-0.5B", count == 494_032_768, f"{count:,} parameters")

ids = token_ids(config.vocab_size)
plain = logits_of(base, ids)
model, wrong = load_adapter(base, adapter)
check("PEFT loads the adapter without a warning, a missing or an unexpected key", not wrong, "; ".join(wrong)[:300])
adapted = logits_of(model, ids)
pairs = sum("lora_A" in key for key, _ in model.named_parameters())
check("168 modules are adapted", pairs == 168, f"{pairs}")
base = model.unload()

bridge("merge", adapter, scratch / "merge.safetensors")
with safe_open(scratch / "merge.safetensors", "pt") as file:
    for name in file.keys():
        add_merge(base, {name: file.get_tensor(name)})
difference = (adapted - logits_of(base, ids)).abs().max().item()
scale = adapted.abs().max().item()
note(f"largest logit {scale:.3g}; the adapter moves logits by up to {(adapted - plain).abs().max().item():.3g}")
check(
    "logits equal those of our own merge",
    difference <= TOLERANCE * max(1, scale),
    f"{difference:.1e} ≤ {TOLERANCE} × {max(1, scale):.3g}",
)
check("the adapter is not without effect", (adapted - plain).abs().max().item() > 100 * TOLERANCE)
(scratch / "merge.safetensors").unlink()

finish()
