"""Token ids of every kind of tokeniser: this package against the Rust tokenizers, on 51,000 real and made texts.

By hand: it takes minutes (scripts/test-interop.sh tokenisers). DND_TEXTS is another number of texts, DND_CASES a part of the
names of the tokenisers to try, DND_SHOW the number of differing texts to show.
"""

import base64
import json
import os
import random
import sys
import unicodedata
from array import array
from pathlib import Path

from report import ROOT, SHARED, bridge, check, finish, note
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

work, minilm = Path(sys.argv[1]), Path(sys.argv[2])
COUNT = int(os.environ.get("DND_TEXTS", 51_000))
LENGTH = 512
SEED = 14
chance = random.Random(SEED)

# --- texts


def real_texts():
    """Prompts and responses of the package's examples and of the shared task sets."""
    files = [*sorted((ROOT / "examples/prompts").glob("*.json"))]
    for folder in ("prompts", "tasks", "short_tasks"):
        files += [path for path in sorted((SHARED / "data" / folder).rglob("*.json")) if path.name != "index.json"]
    found = {}
    for path in files:
        items = json.loads(path.read_text())
        items = [item for part in items.values() for item in part] if isinstance(items, dict) else items
        for item in items:
            found |= dict.fromkeys(text for text in (item.get("prompt"), item.get("response")) if text)
    return list(found)


ASSIGNED = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
# Without most ideographs and syllables, so that other scripts are found.
RARER = [c for c in ASSIGNED if not (0x4E80 <= ord(c) <= 0x9FFF or 0xAC80 <= ord(c) <= 0xD7A3 or 0x17000 <= ord(c) < 0x18D00)]
RARER = [c for c in RARER if ord(c) < 0x20080]
BLOCKS = [[c for c in RARER if ord(c) >> 7 == block] for block in sorted({ord(c) >> 7 for c in RARER})]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u200b", "\u3000", "\ufeff"]
ODD = [
    "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "क्‍ष", "ｶﾞｷﾞ", "a\u0340b", "e\u0301\u0323", "İ", "ẛ̣", "ΣΑΣ", "ß", "ﬁ", "½", "①", "㍿", "™",
    "한국어", "\u1112\u1161\u11ab", "哈", "𠀀", "\u061c", "\x00", "\x7f", "\u00ad", "\ufffd", "\u2581", "a\u2581b", "…", "—",
    "don't", "I'LL", "x1y2", "3.14", "１２", "٣٤", "Ⅷ", "\ufdfa", "\u0344", "َُِ", "ก็", "ำ", "\u0e33", "߷", "\U0001e900", "\U00011da3",
]  # fmt: skip
ADDED = [
    "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<|endoftext|>", "<|im_start|>",
    "<extra_id_0>", "<extra_id_99>", "wordy", "Straße", "tag", "<left>", "<right>", "<both>", "NORM", "two words",
]  # fmt: skip


def made_text(real):
    kind = chance.randrange(6)
    if kind == 0:  # of one or two blocks of Unicode
        blocks = chance.choices(BLOCKS, k=chance.randint(1, 2))
        return "".join(chance.choice(chance.choice(blocks)) for _ in range(chance.randint(1, 40)))
    if kind == 1:  # of anything
        return "".join(chance.choice(ASSIGNED) for _ in range(chance.randint(1, 24)))
    if kind == 2:  # odd pieces side by side
        return "".join(chance.choice([*ODD, *SPACES]) for _ in range(chance.randint(1, 16)))
    words = chance.choice(real)[:200].split(" ")
    if kind == 3:  # added tokens in words, beside them, and with all kinds of space around
        for _ in range(chance.randint(1, 6)):
            token, word = chance.choice(ADDED), chance.choice(words)
            made = [token, token + word, word + token, token + chance.choice(ODD), chance.choice(ODD) + token]
            made += [chance.choice(SPACES) + token, token + chance.choice(SPACES), token.lower(), token + "_", token * 2]
            words.insert(chance.randint(0, len(words)), chance.choice(made))
        return chance.choice(["", " "]).join(words)
    if kind == 4:  # other case, spaces, marks
        change = chance.choice([str.upper, str.title, str.swapcase, lambda word: unicodedata.normalize("NFD", word)])
        return "".join(change(word) + chance.choice([*SPACES, " ", " "]) for word in words)
    unit = chance.choice([*ODD, chance.choice(words), chance.choice(RARER)]) or "x"
    return unit * chance.randint(2, 120)


def every_character():
    """Each in a word of its own, but of ideographs and Hangul, which are many and alike, only some."""
    many = (range(0x3400, 0x9FC0), range(0xAC00, 0xD780), range(0x17000, 0x18D00), range(0xD800, 0xF8C0))
    codes = [code for code in range(0x20000) if code % 64 == 0 or not any(code in block for block in many)]
    words = [f"a{chr(code)}b" for code in codes if not 0xD800 <= code < 0xE000]
    return [" ".join(words[start : start + 60]) for start in range(0, len(words), 60)]


real = real_texts()
chance.shuffle(real)
real = real[: COUNT // 2]
characters = every_character()
texts = real + characters + [made_text(real) for _ in range(COUNT - len(real) - len(characters))]
note(f"{len(texts)} texts, {len(real)} of them real, {sum(map(len, texts))} characters, seed {SEED}")

# --- tokenisers


def token(content, **flags):
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"content": content, "special": False, **plain, **flags}


FLAGGED = [
    token("wordy", single_word=True), token("Straße", single_word=True, normalized=True), token("tag", single_word=True),
    token("<left>", lstrip=True), token("<right>", rstrip=True), token("<both>", lstrip=True, rstrip=True, single_word=True),
    token("NORM", normalized=True), token("two words", single_word=True, normalized=True),
    token("dogs", single_word=True, lstrip=True, normalized=True), token("the", single_word=True, rstrip=True),
]  # fmt: skip


def with_added(description, added):
    """The contents of a tokenizer.json with more added tokens; those that its vocabulary has keep their ids."""
    vocabulary = description["model"]["vocab"]
    ids = vocabulary if isinstance(vocabulary, dict) else {piece: i for i, (piece, _) in enumerate(vocabulary)}
    following = max([*ids.values(), *(one["id"] for one in description["added_tokens"])]) + 1
    tokens = []
    for one in added:
        tokens.append({**one, "id": ids.get(one["content"], following)})
        following += one["content"] not in ids
    return {**description, "added_tokens": sorted([*description["added_tokens"], *tokens], key=lambda one: one["id"])}


LATIN = [text for text in real if max(map(ord, text)) < 0x250][:3000]


def trained_unigram(charsmap, pre_tokenizer, normalizer, special, single):
    """A SentencePiece tokeniser of the real texts, in the layout of a model family."""
    tokenizer = Tokenizer(models.Unigram())
    precompiled = normalizers.Precompiled(charsmap) if charsmap else normalizers.NFKC()
    tokenizer.normalizer = normalizers.Sequence([precompiled, *normalizer]) if normalizer else precompiled
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.UnigramTrainer(
        vocab_size=4000, special_tokens=special, unk_token="<unk>", show_progress=False, max_piece_length=12
    )
    tokenizer.train_from_iterator([*LATIN, *ODD * 3], trainer)
    ids = [(name, i) for i, name in enumerate(special)]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    description = json.loads(tokenizer.to_str())
    extra = [token(f"<extra_id_{i}>", special=True) for i in range(100)]
    return with_added(description, [token("<mask>", special=True, lstrip=True), *extra])


def read(folder):
    config = folder / "tokenizer_config.json"
    return json.loads((folder / "tokenizer.json").read_text()), json.loads(config.read_text()) if config.exists() else {}


def charsmap_of(description):
    return base64.b64decode(description["normalizer"]["normalizers"][0]["precompiled_charsmap"])


wordpiece, wordpiece_config = read(minilm)
CASES = {
    "WordPiece, all-MiniLM-L6-v2": (wordpiece, wordpiece_config),
    "WordPiece, flagged tokens": (with_added(wordpiece, FLAGGED), wordpiece_config),
}
cased = {**wordpiece, "normalizer": {**wordpiece["normalizer"], "lowercase": False}}
CASES["WordPiece, cased, flagged tokens"] = (with_added(cased, FLAGGED), {"tokenizer_class": "PreTrainedTokenizerFast"})
charsmap = None
multilingual = SHARED / "cases/10-multilingual-minilm/encoder"
if multilingual.exists():
    description, _ = read(multilingual)
    charsmap = charsmap_of(description)
    CASES["Unigram, multilingual MiniLM"] = (description, {})
    CASES["Unigram, multilingual MiniLM, flagged tokens"] = (with_added(description, FLAGGED), {})
for name, folder in (("BPE, Qwen2.5", "tokenizers/qwen2.5"), ("BPE, stories260k", "stories260k/hf")):
    if (SHARED / "data" / folder / "tokenizer.json").exists():
        description, config = read(SHARED / "data" / folder)
        CASES[name] = (description, config)
        CASES[f"{name}, flagged tokens"] = (with_added(description, FLAGGED), config)
split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
spaces = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]
t5, xlm = ["<pad>", "</s>", "<unk>"], ["<s>", "<pad>", "</s>", "<unk>"]
for name, pre_tokenizer, normalizer, special, single in (
    ("T5", split, [], t5, "$A </s>"),
    ("T5, no split", pre_tokenizers.Metaspace(), [], t5, "$A </s>"),
    ("mT5", pre_tokenizers.Metaspace(prepend_scheme="first"), spaces, t5, "$A </s>"),
    ("XLM-R", split, [], xlm, "<s> $A </s>"),
):
    description = trained_unigram(charsmap, pre_tokenizer, normalizer, special, single)
    CASES[f"Unigram, {name}"] = (description, {})
    CASES[f"Unigram, {name}, flagged tokens"] = (with_added(description, FLAGGED), {})
bytes_of_utf8 = [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
model = {**description["model"], "vocab": [*description["model"]["vocab"], *bytes_of_utf8], "byte_fallback": True}
CASES["Unigram, bytes for unknown characters"] = (with_added({**description, "model": model, "added_tokens": []}, FLAGGED), {})

# --- comparison

text_file = work / "texts.json"
text_file.write_text(json.dumps(texts))
only = os.environ.get("DND_CASES")
for number, (name, (description, config)) in enumerate(CASES.items()):
    if only and only not in name:
        continue
    folder = work / str(number)
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps({**description, "truncation": None, "padding": None}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    rust = Tokenizer.from_file(str(folder / "tokenizer.json"))
    answer = bridge("tokenise", folder, text_file, folder / "ids", folder / "lengths", maxLength=LENGTH)
    if "code" in answer:
        check(f"{name}: refused", answer["code"] == "UNSUPPORTED_ENCODER", answer["message"])
        continue
    rust.enable_truncation(LENGTH)
    ids, lengths = (array("i", (folder / part).read_bytes()) for part in ("ids", "lengths"))
    wrong, total, start = [], 0, 0
    for text, length, encoding in zip(texts, lengths, rust.encode_batch_fast(texts), strict=True):
        total += length
        if ids[start : start + length].tolist() != encoding.ids:
            wrong.append((text, ids[start : start + length].tolist(), encoding.ids))
        start += length
    for text, ours, theirs in sorted(wrong, key=lambda one: len(one[0]))[: int(os.environ.get("DND_SHOW", 3))]:
        note(f"{text[:80]!a}: {ours[:24]} instead of {theirs[:24]}")
    check(f"{name}: ids equal those of the Rust tokenizers", not wrong, f"{len(texts)} texts, {total} tokens, {len(wrong)} differ")

finish()
