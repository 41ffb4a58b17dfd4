"""Real llama.cpp loads our GGUF adapters: its logits agree with real PEFT's, and the known mistakes would show."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy
import torch
from base_models import build, tiny
from bases import logits_of
from gguf_bases import permute, write_base
from peft import LoraConfig, get_peft_model
from report import HERE, ROOT, SHARED, bridge, check, dnd, finish, note
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

work = Path(sys.argv[1])
TOLERANCE = 1e-4
# llama.cpp looks GELU up in a table of halves.
GELU_TOLERANCE = 5e-3
GELU = {"gemma", "gemma2", "gemma3_text", "gpt2"}
# Of the logits' spread: products with Q4_1 are rounded.
QUANTISED_TOLERANCE = 0.1
RANK, ALPHA = 4, 6
SHAPE = {"num_hidden_layers": 2, "hidden_size": 48, "tie_word_embeddings": True}
# Rows of whole blocks of 32, for the quantised types.
BLOCKS = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
# Half precision and quantised types are rounded, not wrong: far less than any mistake.
ROUNDED = {"f16": 2e-3, "bf16": 2e-2, "q8_0": 2e-2, "q4_0": 0.3}

# architecture of llama.cpp, model_type, what its tiny configuration needs, rsLoRA
FAMILIES = [
    ("llama", "llama", BLOCKS, True),
    ("llama", "mistral", {"sliding_window": None}, False),
    ("qwen2", "qwen2", {"head_dim": 8}, True),
    ("qwen3", "qwen3", {}, False),
    ("gemma", "gemma", {}, False),
    ("gemma2", "gemma2", {"query_pre_attn_scalar": 12, "sliding_window": 64}, True),
    ("gemma3", "gemma3_text", {"query_pre_attn_scalar": 12, "sliding_window": 64, "rope_theta": 10000.0}, False),
    ("granite", "granite", {"attention_multiplier": 0.3, "embedding_multiplier": 2.0, "logits_scaling": 2.0}, True),
    ("smollm3", "smollm3", {"rope_theta": 10000.0}, False),
    ("olmo2", "olmo2", {"head_dim": 8, "tie_word_embeddings": False}, False),
    ("phi3", "phi3", {"head_dim": 8, "original_max_position_embeddings": 64}, True),
    ("gpt2", "gpt2", {}, False),
]
LINEAR = {"phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"], "gpt2": ["c_attn", "c_proj", "c_fc"]}
SEPARATE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def random_model(model_type, changes):
    if model_type == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(vocab_size=96, n_embd=48, n_head=4, n_layer=2, n_positions=64))
    else:
        model = build(tiny(model_type, max_position_embeddings=64, **{**SHAPE, **changes}), device="cpu")
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.15)
    # The base's weights are float32 in the GGUF file.
    return model.double().eval()


def by_hand(adapter, config, path, permuted=True, alpha=ALPHA):
    """An adapter file with this mistake, or none: written without any of our adapter code."""
    names = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}  # fmt: skip
    tensors = {}
    for name, weight in load_file(adapter / "adapter_model.safetensors").items():
        layer, _, module = name.removeprefix("base_model.model.model.layers.").split(".")[:3]
        part = "a" if "lora_A" in name else "b"
        if permuted and part == "b" and module in ("q_proj", "k_proj"):
            heads = config.num_attention_heads if module == "q_proj" else config.num_key_value_heads
            weight = permute(weight, heads)
        tensors[f"blk.{layer}.{names[module.removesuffix('_proj')]}.weight.lora_{part}"] = weight.contiguous().clone()
    save_file(tensors, path.with_suffix(".safetensors"))
    metadata = {
        "general.architecture": ["string", "llama"], "general.type": ["string", "adapter"],
        "adapter.type": ["string", "lora"], **({} if alpha is None else {"adapter.lora.alpha": ["float32", alpha]}),
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(metadata))
    bridge("gguf", path.with_suffix(".json"), path.with_suffix(".safetensors"), path)
    return path


class LlamaCpp:
    """Requests, answered by one process."""

    def __init__(self):
        self.requests = []
        self.answers = {}

    def ask(self, name, model, adapter, ids, positions="all"):
        out = work / f"{len(self.requests)}.logits"
        self.requests.append({"name": name, "model": str(model), "adapter": adapter and str(adapter), "ids": ids, "positions": positions, "out": str(out)})  # fmt: skip

    def run(self):
        folder = subprocess.run([ROOT / "scripts/node-llama-cpp.sh"], capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
        (work / "requests.json").write_text(json.dumps(self.requests))
        call = ["node", HERE / "llama_cpp.mjs", folder, work / "requests.json"]
        done = subprocess.run([str(part) for part in call], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"llama.cpp ended with {done.returncode}:\n{done.stderr[-3000:]}")
        for request, error in zip(self.requests, json.loads(done.stdout), strict=True):
            if error is not None:
                note(f"{request['name']}: {error}; {done.stderr[-500:]}")
                continue
            logits = numpy.fromfile(request["out"], numpy.float32)
            self.answers[request["name"]] = torch.from_numpy(logits).double()

    def difference(self, name, expected):
        """The largest difference of logits; infinite where llama.cpp refused."""
        answer = self.answers.get(name)
        return math.inf if answer is None else (answer.reshape(expected.shape) - expected).abs().max().item()

    def relative_difference(self, name, expected):
        """‖difference‖ / ‖logits − their mean‖."""
        answer = self.answers.get(name)
        spread = (expected - expected.mean()).norm()
        return math.inf if answer is None else ((answer - expected).norm() / spread).item()


llama = LlamaCpp()
ids = torch.randint(3, 96, (1, 12), generator=torch.Generator().manual_seed(5))
expected, base_expected = {}, {}
for architecture, model_type, changes, rslora in FAMILIES:
    folder = work / model_type
    folder.mkdir()
    model = random_model(model_type, changes)
    model.config.save_pretrained(folder / "base")
    write_base(model, architecture, folder / "base.gguf")
    base_expected[model_type] = logits_of(model, ids)[0]
    modules = LINEAR.get(model_type, SEPARATE)
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, use_rslora=rslora, target_modules=modules, init_lora_weights=False,
        fan_in_fan_out=model_type == "gpt2",
    )  # fmt: skip
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.2)
    expected[model_type] = logits_of(adapted.eval(), ids)[0]
    adapted.float().save_pretrained(folder / "peft")
    # The base is given as config.json for one half of the families, and as the GGUF file for the other.
    base = folder / ("base.gguf" if rslora else "base")
    dnd("convert", folder / "peft", folder / "adapter.gguf", "--base", base).must_succeed()
    dnd("convert", folder / "adapter.gguf", folder / "back", "--base", base).must_succeed()
    llama.ask(model_type, folder / "base.gguf", folder / "adapter.gguf", ids[0].tolist())
    llama.ask(f"{model_type} alone", folder / "base.gguf", None, ids[0].tolist())

# Types, and mistakes, on the base with both a permutation and rsLoRA.
folder, config = work / "llama", random_model("llama", BLOCKS).config
for dtype in ROUNDED:
    dnd("convert", folder / "peft", folder / f"{dtype}.gguf", "--base", folder / "base", "--dtype", dtype).must_succeed()
    llama.ask(dtype, folder / "base.gguf", folder / f"{dtype}.gguf", ids[0].tolist())
folded = ALPHA * math.sqrt(RANK)
MISTAKES = {
    "no mistake": {"alpha": folded},
    "no permutation": {"alpha": folded, "permuted": False},
    "alpha missing": {"alpha": None},
    "rsLoRA not folded": {"alpha": ALPHA},
}
for mistake, options in MISTAKES.items():
    path = by_hand(folder / "peft", config, folder / f"{mistake.replace(' ', '-')}.gguf", **options)
    llama.ask(mistake, folder / "base.gguf", path, ids[0].tolist())

golden = SHARED / "golden/gguf"
smollm2 = []
if (golden / "expected.json").exists():
    model = Path(subprocess.run([ROOT / "scripts/fetch-models.sh", "smollm2"], capture_output=True, text=True, check=True).stdout.strip())  # fmt: skip
    adapter = work / "smollm2.gguf"
    dnd("convert", golden / "smollm2_peft", adapter, "--base", model).must_succeed()
    reference = load_file(golden / "smollm2_last_logits.safetensors")
    for index, case in enumerate(json.loads((golden / "expected.json").read_text())["smollm2"]["cases"]):
        smollm2.append(reference[f"last_logits.{index}"].double())
        llama.ask(f"smollm2 {index}", model, adapter, case["ids"], "last")
        for mistake in ("noperm", "noalpha"):
            llama.ask(f"smollm2 {mistake} {index}", model, golden / f"smollm2_wrong_{mistake}.gguf", case["ids"], "last")
else:
    note(f"SmolLM2 is left out: {golden} is not there")

llama.run()
for _, model_type, _, _ in FAMILIES:
    alone = llama.difference(f"{model_type} alone", base_expected[model_type])
    difference = llama.difference(model_type, expected[model_type])
    effect = (expected[model_type] - base_expected[model_type]).abs().max().item()
    tolerance = GELU_TOLERANCE if model_type in GELU else TOLERANCE
    check(f"{model_type}: llama.cpp computes the base as transformers does", alone <= tolerance, f"{alone:.1e}")
    check(f"{model_type}: llama.cpp's logits with our adapter are PEFT's", difference <= tolerance < 2e-2 * effect, f"{difference:.1e} ≤ {tolerance:.0e}, effect {effect:.2g}")  # fmt: skip
    before = load_file(work / model_type / "peft/adapter_model.safetensors")
    after = load_file(work / model_type / "back/adapter_model.safetensors")
    same = before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    check(f"{model_type}: the way back gives the same tensors", same)
for dtype, tolerance in ROUNDED.items():
    difference = llama.difference(dtype, expected["llama"])
    check(f"{dtype}: llama.cpp's logits are close to PEFT's", 0 < difference <= tolerance * expected["llama"].abs().max().item(), f"{difference:.1e}")  # fmt: skip
for mistake in MISTAKES:
    difference = llama.difference(mistake, expected["llama"])
    caught = difference > TOLERANCE
    check(f"{mistake}: {'caught' if mistake != 'no mistake' else 'passes'}", caught == (mistake != "no mistake"), f"{difference:.1e}")  # fmt: skip
for index, reference in enumerate(smollm2):
    difference = llama.relative_difference(f"smollm2 {index}", reference)
    check(f"SmolLM2 (Q4_1), prompt {index}: logits are PEFT's", difference <= QUANTISED_TOLERANCE, f"{difference:.1e}")
    for mistake in ("noperm", "noalpha"):
        difference = llama.relative_difference(f"smollm2 {mistake} {index}", reference)
        check(f"SmolLM2 (Q4_1), prompt {index}: {mistake} is caught", QUANTISED_TOLERANCE < difference < math.inf, f"{difference:.1e}")  # fmt: skip
finish()
