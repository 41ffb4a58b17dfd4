"""By hand, not in CI: every preset, whole. `dnd init` with a seeded decoder, then `dnd generate` from prompts as long as the
preset allows, on a machine of 24 GB.

    scripts/test-interop.sh presets

Takes 20 minutes and 10 GB of disk. DND_PRESETS, a list with commas, chooses some of them."""

import json
import math
import os
import shutil
import sys
import time
from pathlib import Path

from report import SHARED, ROOT, check, dnd, finish, note
from safetensors import safe_open

work, encoder = Path(sys.argv[1]), Path(sys.argv[2])
PEAK_BYTES = 20e9
RANKS = {"qwen2.5-0.5b-common-sense": 8}

COMMON = dict(
    hidden_act="silu", max_position_embeddings=32768, rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=False
)
TEXT_3B = dict(
    COMMON, model_type="qwen2_5_vl_text", hidden_size=2048, intermediate_size=11008, num_attention_heads=16,
    num_hidden_layers=36, num_key_value_heads=2, vocab_size=151936, tie_word_embeddings=True,
)  # fmt: skip
# Sizes as the published config.json files have them.
BASES = {
    "0.5b": dict(
        COMMON, model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=896, intermediate_size=4864,
        num_attention_heads=14, num_hidden_layers=24, num_key_value_heads=2, vocab_size=151936, tie_word_embeddings=True,
    ),
    "1.5b": dict(
        COMMON, model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=1536, intermediate_size=8960,
        num_attention_heads=12, num_hidden_layers=28, num_key_value_heads=2, vocab_size=151936, tie_word_embeddings=True,
    ),
    "7b": dict(
        COMMON, model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=3584, intermediate_size=18944,
        num_attention_heads=28, num_hidden_layers=28, num_key_value_heads=4, vocab_size=152064, tie_word_embeddings=False,
    ),
    "vl-3b": dict(
        TEXT_3B, model_type="qwen2_5_vl", architectures=["Qwen2_5_VLForConditionalGeneration"], text_config=TEXT_3B,
    ),
}  # fmt: skip
# preset: its base, the maximum number of tokens of a prompt, and the prompts of a condition
PRESETS = {
    "qwen2.5-0.5b-common-sense": ("0.5b", 384, 128),
    "qwen2.5-1.5b-coding": ("1.5b", 26624, 16),
    "qwen2.5-1.5b-math": ("1.5b", 4608, 32),
    "qwen2.5-7b-math": ("7b", 4608, 16),
    "qwen2.5-7b-coding": ("7b", 26624, 16),
    "qwen2.5-vl-3b-multimodal": ("vl-3b", 1536, 16),
}
# Published shapes of the weight tokens: their number, height and width with margins.
TOKENS = {
    "qwen2.5-0.5b-common-sense": (4296, 10, 130),
    "qwen2.5-1.5b-coding": (4508, 18, 258),
    "qwen2.5-1.5b-math": (4508, 18, 258),
    "qwen2.5-7b-math": (4928, 18, 514),
    "qwen2.5-7b-coding": (4928, 18, 514),
    "qwen2.5-vl-3b-multimodal": (7308, 18, 258),
}


def long_prompts(tokens, count):
    """Texts that fill `tokens` tokens: real prompts, one after the other, at four characters a token."""
    source = SHARED / "data/prompts/GSM8K.json"
    if not source.exists():
        source = ROOT / "examples/prompts/gsm8k.json"
    words = " ".join(entry["prompt"] if isinstance(entry, dict) else entry for entry in json.loads(source.read_text()))
    length = min(6 * tokens, len(words) // 2)
    step = (len(words) - length) // count
    return [words[i * step : i * step + length] for i in range(count)]


def run(preset):
    size, tokens, count = PRESETS[preset]
    base, generator, adapter = work / f"{size}.json", work / "generator", work / "adapter"
    base.write_text(json.dumps(BASES[size]))
    prompts = work / "prompts.json"
    prompts.write_text(json.dumps(long_prompts(tokens, count)))

    began = time.monotonic()
    made = dnd(
        "init", "--base", base, "--preset", preset, "--encoder", encoder, "--seed", 0, "--out", generator
    ).must_succeed()
    note(f"{preset}: dnd init took {time.monotonic() - began:.0f} s, peak {made.peak_bytes / 1e9:.2f} GB")
    weights = sum(path.stat().st_size for path in generator.glob("decoder*.safetensors"))
    note(f"{preset}: the decoder has {weights / 1e9:.2f} GB of weights")
    manifest = json.loads((generator / "generator.json").read_text())
    shape = tuple(manifest["decoder"]["features"][-1])
    check(f"{preset}: weight tokens of the published shape", shape == TOKENS[preset], f"{shape}")

    began = time.monotonic()
    done = dnd(
        "generate", "--generator", generator, "--prompts", prompts, "--seed", 7, "--format", "all", "--out", adapter
    ).must_succeed()
    note(f"{preset}: dnd generate took {time.monotonic() - began:.0f} s from {count} prompts of ≤ {tokens} tokens")
    peak = f"{done.peak_bytes / 1e9:.2f} GB ≤ {PEAK_BYTES / 1e9:.0f} GB"
    check(f"{preset}: peak memory of dnd generate", done.peak_bytes <= PEAK_BYTES, peak)
    written = sorted(path.relative_to(adapter).as_posix() for path in adapter.rglob("*") if path.is_file())
    note(f"{preset}: {', '.join(written)}")
    peft = next(adapter.rglob("adapter_model.safetensors"))
    with safe_open(peft, "pt") as file:
        spreads = [file.get_tensor(key).float().std().item() for key in file.keys()]
        names = list(file.keys())
    check(
        f"{preset}: every matrix is finite and not constant",
        all(math.isfinite(spread) and spread > 0 for spread in spreads),
        f"{len(spreads)} matrices",
    )
    inside = {"language_model." in name for name in names}
    check(f"{preset}: names of the base's classes", inside == {size == "vl-3b"}, names[0])
    shutil.rmtree(generator)
    shutil.rmtree(adapter)


chosen = os.environ.get("DND_PRESETS", ",".join(PRESETS)).split(",")
for preset in chosen:
    try:
        run(preset)
    except RuntimeError as error:
        check(f"{preset}: runs to its end", False, str(error)[-600:])
finish()
