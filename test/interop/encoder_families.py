"""Text encoders of every supported type, with random weights: this package against transformers, ids and hidden states."""

import json
import shutil
import sys
from pathlib import Path

import torch
from report import SHARED, bridge, check, finish
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, T5EncoderModel, UMT5EncoderModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

work = Path(sys.argv[1])
TOLERANCE = 1e-5
LENGTH = 96
torch.set_num_threads(2)

PROMPTS = [
    "A bat and a ball cost 1.10 in total. The bat costs more than the ball; how much is the ball?",
    "short",
    "Élan, naïve façade: Ångström and ÀÉÎÕÜ.",
    "def add(a, b):\n    return a + b\n",
    "word " * 120,
]

# --- tokenisers: small ones of each kind, made here, saved as the type saves them


def characters():
    return sorted({c for prompt in PROMPTS for c in prompt.lower()} | {c for prompt in PROMPTS for c in prompt})


def word_pieces(special):
    words = ["ball", "cost", "word", "the", "and", "total"]
    pieces = [*words, *characters(), *(f"##{c}" for c in characters())]
    return {piece: i for i, piece in enumerate([*special, *dict.fromkeys(p for p in pieces if p.strip())])}


def bert_like(special, cls, sep, unk):
    """`special`: in the order of their ids."""
    vocabulary = word_pieces(special)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unk))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.BertProcessing((sep, vocabulary[sep]), (cls, vocabulary[cls]))
    return tokenizer


def byte_level(special, template):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*special, *alphabet, "Ġt", "Ġb", "al", "or"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "t"), ("Ġ", "b"), ("a", "l"), ("o", "r")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = template(vocabulary)
    return tokenizer


def unigram(special, around):
    pieces = ["▁", "▁the", "▁ball", "▁word", "al", "ost", *characters()]
    vocabulary = [(token, 0.0) for token in special] + [
        (piece, -1.0 - 0.01 * i) for i, piece in enumerate(dict.fromkeys(p for p in pieces if p.strip()))
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=special.index("<unk>")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(special)
    ids = [(token, i) for i, token in enumerate(special)]
    tokenizer.post_processor = processors.TemplateProcessing(single=around, special_tokens=ids)
    return tokenizer


def roberta_processing(vocabulary):
    return processors.RobertaProcessing(("</s>", vocabulary["</s>"]), ("<s>", vocabulary["<s>"]))


BERT = (
    lambda: bert_like(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[CLS]", "[SEP]", "[UNK]"),
    {"pad_token": "[PAD]"},
)
ROBERTA = (lambda: byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], roberta_processing), {"pad_token": "<pad>"})
XLM = (lambda: unigram(["<s>", "<pad>", "</s>", "<unk>"], "<s> $A </s>"), {"pad_token": "<pad>"})
T5 = (lambda: unigram(["<pad>", "</s>", "<unk>"], "$A </s>"), {"pad_token": "<pad>"})
MODERN = (
    lambda: byte_level(
        ["[CLS]", "[PAD]", "[SEP]", "[UNK]"],
        lambda v: processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", v["[CLS]"]), ("[SEP]", v["[SEP]"])]
        ),
    ),
    {"pad_token": "[PAD]"},
)


# MPNet counts positions from the padding id 1 on, whatever its config says.
MPNET = (lambda: bert_like(["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], "<s>", "</s>", "[UNK]"), {"pad_token": "<pad>"})

# --- models: type, tokeniser, config, where the model is inside of others


BERT_SIZES = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80,
    "max_position_embeddings": 128,
}  # fmt: skip


def bert_sizes(**changes):
    return {**BERT_SIZES, **changes}


def t5_sizes(**changes):
    return {"d_model": 40, "d_kv": 12, "d_ff": 72, "num_layers": 3, "num_heads": 4, **changes}


def modern_sizes(**changes):
    modern = {"max_position_embeddings": 256, "num_hidden_layers": 5, "local_attention": 16, "pad_token_id": 1}
    return {**BERT_SIZES, **modern, **changes}


CAUSAL_SIZES = {
    "hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 80, "max_position_embeddings": 128, "head_dim": 12,
}  # fmt: skip
START = (
    lambda: byte_level(
        ["<s>", "<pad>", "</s>"],
        lambda v: processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", v["<s>"])]),
    ),
    {"pad_token": "<pad>", "bos_token": "<s>"},
)
# As of Qwen3-Embedding. transformers does not read the flag beside a tokenizer.json.
END = (
    lambda: byte_level(
        ["<|endoftext|>", "<pad>"],
        lambda v: processors.TemplateProcessing(
            single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", v["<|endoftext|>"])]
        ),
    ),
    {"pad_token": "<pad>", "eos_token": "<|endoftext|>", "bos_token": None, "add_bos_token": False},
)
FLAGGED = (START[0], {**START[1], "eos_token": "</s>", "add_bos_token": False, "add_eos_token": True})
# type, tokeniser, layer, where the model is inside of others
CAUSAL_CASES = [
    ("llama", START, 4, "model."), ("qwen3", START, 2, ""), ("qwen2", ROBERTA, 1, "model."), ("qwen3", END, 4, ""),
    ("llama", FLAGGED, 1, ""),
]  # fmt: skip

CASES = [
    ("bert", BERT, bert_sizes(), ""),
    ("roberta", ROBERTA, bert_sizes(max_position_embeddings=130, type_vocab_size=1, pad_token_id=1), "roberta."),
    ("xlm-roberta", XLM, bert_sizes(max_position_embeddings=130, type_vocab_size=1, pad_token_id=1), "auto_model."),
    ("distilbert", BERT, {"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 80, "max_position_embeddings": 128},
     "distilbert."),
    ("mpnet", MPNET, bert_sizes(max_position_embeddings=130, pad_token_id=1), "mpnet."),
    ("t5", T5, t5_sizes(), ""),
    ("t5", T5, t5_sizes(feed_forward_proj="gated-gelu", relative_attention_num_buckets=20,
                        relative_attention_max_distance=40), ""),
    ("mt5", T5, t5_sizes(feed_forward_proj="gated-gelu"), "model."),
    ("umt5", T5, t5_sizes(feed_forward_proj="gated-gelu"), ""),
    ("modernbert", MODERN, modern_sizes(), "model."),
    ("modernbert", MODERN, modern_sizes(attention_bias=True, mlp_bias=True, norm_bias=True, local_attention=6), ""),
]  # fmt: skip


def random_model(kind, config):
    torch.manual_seed(7)
    model = {"t5": T5EncoderModel, "umt5": UMT5EncoderModel, "mt5": T5EncoderModel}.get(kind)
    model = model(config) if model else AutoModel.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
            else:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.to(torch.float32).eval()


def save(folder, model, prefix):
    """One file, or several with an index, so that both are tried."""
    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    tensors = {
        f"{prefix}{name}": tensor.contiguous().clone()
        for name, tensor in model.state_dict().items()
        if name != "encoder.embed_tokens.weight" and not name.startswith("pooler.")
    }
    if prefix:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    names = list(tensors)
    index = {}
    for part, own in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-0000{part}-of-00002.safetensors"
        save_file({name: tensors[name] for name in own}, folder / file, {"format": "pt"})
        index |= dict.fromkeys(own, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def relative_error(ours, reference):
    return ((ours.double() - reference).norm() / reference.norm()).item()


def compare(case, folder, model, tokenizer, layer=None):
    (work / "prompts.json").write_text(json.dumps(PROMPTS))
    expected = tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
    expected.pop("token_type_ids", None)
    # ModernBERT in float64 would give NaN at padding far from the text: its softmax is in float32, its mask is not.
    model = model if "modernbert" in case else model.double()
    with torch.inference_mode():
        if layer is None:
            reference = model(**expected).last_hidden_state.double()
        else:
            reference = model(**expected, output_hidden_states=True).hidden_states[layer].double()
    options = {} if layer is None else {"layer": layer}
    bridge("encode", folder, work / "prompts.json", work / "ours.safetensors", maxLength=LENGTH, **options)
    ours = load_file(work / "ours.safetensors")
    mask = expected["attention_mask"].bool()
    same = torch.equal(ours["ids"].long(), expected["input_ids"]) and torch.equal(
        ours["mask"].long(), expected["attention_mask"]
    )
    check(f"{case}: token ids equal those of transformers", same, f"{int(mask.sum())} tokens")
    for what, states, wanted in (
        ("states, padding encoded", ours.get("encode.none"), reference),
        ("states, padding zero", ours["zero.none"], reference * mask[..., None]),
        ("mean", ours["encode.mean"], (reference * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)),
        ("cls", ours.get("encode.cls"), reference[:, 0]),
    ):
        if states is None:  # a decoder-only model has no such
            continue
        error = relative_error(states.reshape(wanted.shape), wanted)
        check(f"{case}: {what}", error <= TOLERANCE, f"relative error {error:.1e} ≤ {TOLERANCE}")


for number, (kind, (make, special), sizes, prefix) in enumerate(CASES):
    folder = work / f"{number}-{kind}"
    fast = make()
    config = CONFIG_MAPPING[kind](vocab_size=fast.get_vocab_size() + 3, **sizes)
    model = random_model(kind, config)
    save(folder, model, prefix)
    fast.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 10**9, **special}
    if make in (BERT[0], MPNET[0]):
        settings["tokenizer_class"] = "MPNetTokenizer" if kind == "mpnet" else "BertTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    compare(f"{number} {kind}", folder, model, tokenizer)
    shutil.rmtree(folder)

for kind, (make, special), layer, prefix in CAUSAL_CASES:
    folder = work / kind
    fast = make()
    config = CONFIG_MAPPING[kind](vocab_size=fast.get_vocab_size() + 3, **CAUSAL_SIZES)
    model = random_model(kind, config)
    save(folder, model, prefix)
    fast.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 10**9, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    compare(f"{kind}, layer {layer}", folder, model, AutoTokenizer.from_pretrained(folder), layer)
    shutil.rmtree(folder)

# --- tokenisers of SentencePiece: texts on which NFKC is not what they do

ODD_TEXTS = [
    "👨‍👩‍👧‍👦 family", "क्‍ष", "ｶﾞｷﾞｸﾞ ﾊﾟﾝ", "a\u0340b e\u0341 \u0343x \u0344", "a\u061cb", "a\x7fb \x01 a\x85b \ufeffc",
    "a" * 300, "!" * 400, "哈" * 200, "ﬁne ½ ① ㍿ ™ ẛ̣ İ", "ｆｕｌｌ　ｗｉｄｔｈ", "🇩🇪🇫🇷 👍🏽",
]  # fmt: skip
multilingual = SHARED / "cases/10-multilingual-minilm/encoder"
if multilingual.exists():
    random = torch.Generator().manual_seed(1)
    blocks = [0x20, 0xA0, 0x300, 0x400, 0x600, 0x900, 0xE00, 0x1100, 0x2000, 0x2100, 0x3000, 0x3300, 0xAC00, 0xFB00, 0xFF00]
    texts = list(ODD_TEXTS)
    for _ in range(1000):
        starts = torch.randint(0, len(blocks), (12,), generator=random).tolist()
        places = torch.randint(0, 0x80, (12,), generator=random).tolist()
        texts.append("".join(chr(blocks[start] + place) for start, place in zip(starts, places)))
    rust = Tokenizer.from_file(str(multilingual / "tokenizer.json"))
    rust.enable_truncation(48)
    rust.enable_padding(length=48, pad_id=1, pad_token="<pad>")
    (work / "prompts.json").write_text(json.dumps(texts))
    bridge("encode", multilingual, work / "prompts.json", work / "ours.safetensors", maxLength=48)
    ours = load_file(work / "ours.safetensors")["ids"].tolist()
    wrong = [text for text, ids in zip(texts, ours) if ids != rust.encode(text).ids]
    check("SentencePiece's normalisation: ids equal those of the Rust tokenizers", not wrong, f"{len(texts)} texts, {wrong[:3]}")
else:
    print(f"     skipped: {multilingual} is not there")

finish()
