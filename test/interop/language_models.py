"""transformers and PEFT agree with our language models: greedy answers, and how likely an answer is, with and without LoRA."""

import shutil
import sys
from pathlib import Path

import torch
from bases import load_adapter, random_base
from peft import LoraConfig, get_peft_model
from report import ROOT, bridge, check, finish
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

work = Path(sys.argv[1])
POCKET = ROOT / "pocket/base"
NEW_TOKENS = 12
TOLERANCE = 1e-5  # of a log-likelihood, relative

tokenizer = AutoTokenizer.from_pretrained(POCKET)
COMMON = dict(
    vocab_size=len(tokenizer), intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
)  # fmt: skip
LLAMA3 = dict(
    rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=16,
)  # fmt: skip
# What sets a family, or a variant of it, apart: widths of heads, ties, scaled rotary positions, a window shorter than the prompts.
BASES = {
    "llama": (LlamaForCausalLM, LlamaConfig(hidden_size=48, head_dim=16, tie_word_embeddings=False, **COMMON)),
    "llama, llama3 positions": (LlamaForCausalLM, LlamaConfig(hidden_size=64, rope_parameters=LLAMA3, **COMMON)),
    "mistral, sliding window": (MistralForCausalLM, MistralConfig(hidden_size=64, sliding_window=6, **COMMON)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(hidden_size=64, tie_word_embeddings=True, **COMMON)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(hidden_size=48, head_dim=16, tie_word_embeddings=True, **COMMON)),
}
ADAPTERS = {
    "without LoRA": None,
    "LoRA on all modules": dict(r=4, lora_alpha=8, target_modules="all-linear"),
    "rsLoRA on q and v": dict(r=3, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj"]),
}
ITEMS = [
    {"prompt": "The king asks. Tom found a red bell in the cave. A fox saw it.", "response": "My king, the bell, thank you."},
    {"prompt": "What is it?", "response": "It was the bell."},
    {"prompt": "Please be kind. Tom found a bell.", "response": "the cave"},
]


def prompt_ids(prompt):
    turn = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)["input_ids"]


def greedy(model, prompt):
    ids = torch.tensor([prompt_ids(prompt)])
    with torch.inference_mode():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
    return tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)


def log_likelihood(model, prompt, response):
    before = prompt_ids(prompt)
    answer = tokenizer(response, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([before + answer])).logits[0].double()
    rows = logits.log_softmax(-1)[len(before) - 1 : -1]
    return rows.gather(1, torch.tensor(answer)[:, None]).sum().item()


def write_adapter(base, settings, folder):
    """An adapter as PEFT writes it, whose matrices are both random: fresh ones change nothing."""
    torch.manual_seed(3)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.15)
    model.save_pretrained(folder)


for family, (model_class, config) in BASES.items():
    folder = work / family.replace(" ", "-").replace(",", "")
    random_base(config, model_class, torch.float32).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(POCKET / file, folder)
    plain = None
    for label, settings in ADAPTERS.items():
        model, adapter = random_base(config, model_class, torch.float64), None
        if settings:
            adapter = work / f"adapter-{folder.name}-{len(settings['target_modules'])}"
            write_adapter(random_base(config, model_class, torch.float32), settings, adapter)
            model, wrong = load_adapter(model, adapter)
            assert not wrong, wrong
        ours = bridge("language", folder, items=ITEMS, maxNewTokens=NEW_TOKENS, adapter=adapter and str(adapter))
        texts = [greedy(model, item["prompt"]) for item in ITEMS]
        check(f"{family}, {label}: greedy answers are those of transformers", ours["texts"] == texts, str(ours["texts"])[:80])
        sums = [log_likelihood(model, **item) for item in ITEMS]
        worst = max(abs(mine - theirs) / abs(theirs) for mine, theirs in zip(ours["sums"], sums))
        check(f"{family}, {label}: log-likelihoods agree", worst <= TOLERANCE, f"{worst:.1e} ≤ {TOLERANCE}")
        if plain:
            moved = max(abs(one - other) for one, other in zip(sums, plain))
            check(f"{family}, {label}: the adapter is not without effect", moved > 1, f"moves a log-likelihood by {moved:.2g}")
        plain = plain or sums

finish()
