"""Our reading of a base's config.json is that of transformers: the same modules and widths, with keys left out or null.

Every configuration is given to both: transformers makes the model (without weights), and its linear modules are what an
adapter's matrices must fit.
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

from base_models import TEXT, WRAPPERS, build, linear_modules, stand_alone, tiny, wrapped
from report import SHARED, bridge, check, finish, note

work = Path(sys.argv[1])
CONFIGURATIONS = 30

# What we refuse on purpose although transformers makes a model of it: sizes that do not divide each other, and sizes
# that a file saved by transformers always has.
OUR_REFUSALS = ["is not a multiple of", "hidden_size: is missing", "num_hidden_layers: is missing", "intermediate_size: is missing", "num_attention_heads: is missing"]  # fmt: skip


def some(chance, size):
    """A size, or in some of many cases null or nothing."""
    return chance.choices([size, ..., None], [8, 3, 1])[0]


def sizes(chance):
    heads = chance.choice([2, 4, 6, 8, 16, 32])
    return {
        "hidden_size": chance.choices([heads * chance.choice([4, 6, 8]), ..., None, 50], [20, 2, 1, 1])[0],
        "intermediate_size": chance.choices([chance.choice([40, 72]), ..., None], [20, 2, 1])[0],
        "num_hidden_layers": chance.choices([chance.choice([1, 2]), ..., None], [20, 1, 1])[0],
        "num_attention_heads": chance.choices([heads, ..., None], [20, 2, 1])[0],
        "num_key_value_heads": some(chance, heads // chance.choice([1, 2])),
        "head_dim": some(chance, chance.choice([4, 8, 20])),
    }


def of_transformers(config):
    """[out, in] by module of the language model's layers; the exception where there is no such model."""
    try:
        modules = linear_modules(build(config))
    except Exception as refusal:  # Of any kind: the sizes make no model.
        return f"{type(refusal).__name__}: {refusal}"
    return {name: shape for name, shape in modules.items() if ".layers." in name and "vision_tower" not in name}


def of_ours(answer):
    """The same from the matrices of an adapter; the error's message where there is none."""
    if "message" in answer:
        return answer["message"]
    shapes = {}
    for name, shape in answer["tensors"]:
        module, part = name.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".lora_", 1)
        width = shape[1] if part == "A" else shape[0]
        shapes.setdefault(module, [None, None])[part == "A"] = width
    return shapes


def compare(configs):
    """How many of the configurations end in which way, and the first difference."""
    paths = [work / f"{index}.json" for index in range(len(configs))]
    for path, config in zip(paths, configs):
        path.write_text(json.dumps(config))
    ends, wrong = Counter(), []
    for config, answer in zip(configs, bridge("layouts", *paths)):
        expected, found = of_transformers(config), of_ours(answer)
        if isinstance(found, dict):
            end = "equal" if expected == found else "different"
        elif isinstance(expected, str):
            end = "refused by both"
        else:
            end = "refused by us" if any(reason in found for reason in OUR_REFUSALS) else "different"
        # A hidden size that is not a multiple of the heads is no matter of widths where the head dimension is given.
        if end == "different" and isinstance(expected, str) and "not a multiple of the number of attention" in expected:
            end = "accepted by us"
        ends[end] += 1
        if end == "different":
            wrong.append(f"{json.dumps(config)}: {str(expected)[:200]} is not {str(found)[:200]}")
    return ends, wrong


def check_family(name, configs):
    ends, wrong = compare(configs)
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    check(f"{name}: modules and widths are those of transformers", not wrong and ends["equal"] >= 5, "; ".join([told, *wrong[:1]]))  # fmt: skip


for seed, text_type in enumerate(TEXT):
    chance = random.Random(seed)
    if stand_alone(text_type):
        check_family(text_type, [tiny(text_type, **sizes(chance)) for _ in range(CONFIGURATIONS)])
for seed, (wrapper, (texts, _)) in enumerate(WRAPPERS.items()):
    for text_type in texts:
        chance = random.Random(100 + seed)
        configs = [wrapped(wrapper, tiny(text_type, **sizes(chance))) for _ in range(CONFIGURATIONS)]
        if text_type == texts[0]:
            configs += [wrapped(wrapper, tiny(text_type, model_type=...)), wrapped(wrapper, {})]
        check_family(f"{wrapper} around {text_type}", configs)

cases = SHARED / "cases/12-base-configs"
if cases.is_dir():
    folders = sorted(path.parent for path in cases.glob("*/config.json"))
    known = {folder.name: json.loads((folder / "config.json").read_text()) for folder in folders}
    for name, config in known.items():
        ends, wrong = compare([config])
        if config["model_type"] in {**TEXT, **WRAPPERS}:
            check(f"case {name}: as transformers, or refused", not wrong, "; ".join([*ends, *wrong]))
        else:
            (answer,) = bridge("layouts", work / "0.json")
            check(f"case {name}: refused by name", config["model_type"] in answer.get("message", ""), answer.get("message"))
else:
    note(f"skipped: there are no cases in {cases}")

finish()
