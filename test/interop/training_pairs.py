"""Prompt–checkpoint pairs as a user has them: real prompts of five data sets, LoRA checkpoints trained by real PEFT.

The base is a small trained model (stories260k, of the Llama architecture). As in the paper, every task starts from the
same LoRA initialisation, is fine-tuned for a while, and then saves a checkpoint at each of some further steps.
    python training_pairs.py <folder>
"""

import json
import sys
import time

import torch
from bases import Complaints
from peft import LoraConfig, get_peft_model
from report import SHARED
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, normalizers
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)  # more would only wait for each other: the base is tiny

BASE = SHARED / "data/stories260k/hf"
PROMPTS = SHARED / "data/prompts"
# task → its file; the last one is held out
TASKS = {
    "arc-e": "ARC-e_train",
    "boolq": "BoolQ_validation",
    "gsm8k": "GSM8K",
    "obqa": "OBQA_train",
    "arc-c": "ARC-c_train",
}
HELD_OUT = "arc-c"

ITEMS = 64  # of each data set; what a task is trained on and what describes it
WARM_STEPS = 30
CHECKPOINTS = 22
BATCH = 4
LENGTH = 128  # tokens of the base; longer texts lose their beginning
LORA = LoraConfig(
    r=4,
    lora_alpha=8,
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "gate_proj", "down_proj"],
    task_type="CAUSAL_LM",
)


def are_here():
    return BASE.is_dir() and PROMPTS.is_dir()


def load_base():
    config = LlamaConfig.from_dict(json.loads((BASE / "config.json").read_text()))
    model = LlamaForCausalLM(config)
    model.load_state_dict(load_file(BASE / "model.safetensors"), strict=False)
    model.tie_weights()
    model.config._name_or_path = str(BASE)
    return model


def load_tokenizer():
    """Its pieces are sentencepiece's: each pair that makes a piece is merged in the order of the pieces' scores."""
    pieces = json.loads((BASE / "tok512.json").read_text())
    vocabulary = {piece["piece"]: piece["id"] for piece in pieces}
    merges = [
        (piece["piece"][:cut], piece["piece"][cut:])
        for piece in sorted(pieces, key=lambda piece: -piece["score"])
        if piece["type"] == 1
        for cut in range(1, len(piece["piece"]))
        if piece["piece"][:cut] in vocabulary and piece["piece"][cut:] in vocabulary
    ]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer


def examples_of(items, tokenizer):
    """Token ids and labels, [items, LENGTH] each; only the response is learnt."""
    ids = torch.full((len(items), LENGTH), 2)
    labels = torch.full((len(items), LENGTH), -100)
    for row, item in enumerate(items):
        prompt = tokenizer.encode(f"{item.get('system', '')}\n{item['prompt']}\n").ids
        response = [*tokenizer.encode(item["response"]).ids[: LENGTH // 2], 2]
        text = [1, *prompt, *response][-LENGTH:]
        ids[row, : len(text)] = torch.tensor(text)
        labels[row, len(text) - len(response) : len(text)] = torch.tensor(response)
    return ids, labels


def fine_tune(model, items, tokenizer, seed, folder):
    """Trains the adapter; saves the last CHECKPOINTS steps as checkpoint-N. Returns the loss of every step."""
    ids, labels = examples_of(items, tokenizer)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    order = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(1, WARM_STEPS + CHECKPOINTS + 1):
        chosen = torch.randint(len(items), (BATCH,), generator=order)
        # Padding comes last, where a causal model's other positions do not see it.
        loss = model(input_ids=ids[chosen], labels=labels[chosen]).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if step > WARM_STEPS:
            model.save_pretrained(folder / f"checkpoint-{step}")
    return losses


def make_pairs(folder):
    """Writes a pairs folder. Returns (the loss of every step of each task, everything that PEFT warned about)."""
    tokenizer = load_tokenizer()
    losses = {}
    with Complaints() as complaints:
        torch.manual_seed(1)
        model = get_peft_model(load_base(), LORA)
        start = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        for seed, (task, file) in enumerate(TASKS.items()):
            items = json.loads((PROMPTS / f"{file}.json").read_text())[:ITEMS]
            (folder / task).mkdir(parents=True)
            (folder / task / "prompts.json").write_text(json.dumps(items))
            model.load_state_dict(start, strict=False)
            losses[task] = fine_tune(model, items, tokenizer, seed, folder / task / "checkpoints")
    base = {**json.loads((BASE / "config.json").read_text()), "_name_or_path": str(BASE)}
    manifest = {"formatVersion": 1, "base": base, "heldOut": [HELD_OUT]}
    (folder / "pairs.json").write_text(json.dumps(manifest, indent=2))
    return losses, complaints.sentences


def means(losses, count=10):
    return sum(losses[:count]) / count, sum(losses[-count:]) / count


if __name__ == "__main__":
    from pathlib import Path

    began = time.monotonic()
    losses, complaints = make_pairs(Path(sys.argv[1]))
    for task, own in losses.items():
        print(f"{task}: loss {means(own)[0]:.3f} → {means(own)[1]:.3f}")
    print(f"{time.monotonic() - began:.0f} s", *complaints, sep="\n")
