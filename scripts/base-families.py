"""Measures how transformers reads the config.json of every base model family, and writes it as
src/adapter/base-families.ts:

    $(scripts/python-environment.sh) scripts/base-families.py
    npm run format

What a family does with a missing key and with null is found by trying, with real configurations and with the shapes of
real modules. test/interop/base_configs.py compares the result with transformers on random configurations.
"""

import sys
from pathlib import Path

import transformers

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/interop"))

from base_models import TEXT, WRAPPERS, build, linear_modules, stand_alone, tiny, wrapped  # noqa: E402

OUTPUT = ROOT / "src/adapter/base-families.ts"
SEPARATE = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "gate_proj", "down_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
ATTENTION = SEPARATE[:4]


def model_of(text_type, **changes):
    config = tiny(text_type, **changes)
    if stand_alone(text_type):
        return build(config)
    return build(wrapped(next(name for name, (texts, _) in WRAPPERS.items() if text_type in texts), config))


def sizes_of(text_type, **changes):
    """Sizes of a model by the names of src/adapter/base-model.ts; None if transformers refuses the configuration."""
    try:
        model = model_of(text_type, **changes)
    except Exception as refusal:  # Whatever it is, there is no such model.
        print(f"  {text_type} {changes}: {type(refusal).__name__}", file=sys.stderr)
        return None
    config = model.config.get_text_config()
    output = next(shape for name, shape in linear_modules(model).items() if name.endswith(".0.self_attn.o_proj"))
    return {
        "hidden": config.hidden_size,
        "intermediate": config.intermediate_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "kvHeads": config.num_key_value_heads,
        "headDim": output[1] // config.num_attention_heads,
    }


def constant(text_type, key, name):
    """The default of a size; null must be refused."""
    # Some families want hidden sizes that are multiples of the heads, so both fit every default of the other.
    shape = {"hidden_size": 192, "num_attention_heads": 4, "num_key_value_heads": 2}
    if sizes_of(text_type, **{**shape, key: None}) is not None:
        raise SystemExit(f"{text_type} accepts null for {key}: the table has no place for it")
    return sizes_of(text_type, **{**shape, key: ...})[name]


def rule(text_type, key, name, derived, value):
    """The value of `name` where `key` is missing (...) or null: a number, what it is derived from, or null (refused)."""
    few, many = ({"hidden_size": 48, "num_attention_heads": heads} for heads in (6, 12))
    found = [sizes_of(text_type, **{key: value}, **shape) for shape in (few, many)]
    if found[0] is None:
        return None
    if [sizes[name] for sizes in found] == [derived(48, 6), derived(48, 12)]:
        return "derived"
    if found[0][name] != found[1][name]:
        raise SystemExit(f"{text_type}: {key} {value} gives {found}, which no rule describes")
    return found[0][name]


def modules_of(text_type):
    names = {name.rsplit(".", 1)[1] for name in linear_modules(model_of(text_type)) if ".layers.0." in name and "vis" not in name}  # fmt: skip
    for form, modules in (("separate", SEPARATE), ("fused", FUSED), ("attention", ATTENTION)):
        if names == set(modules):
            return form
    raise SystemExit(f"{text_type} has modules {sorted(names)}")


def family(text_type):
    print(text_type, file=sys.stderr)
    per_head = ("head_dim", "headDim", lambda hidden, heads: hidden // heads)
    # Not half the heads of the configuration with few of them: that would look like a constant.
    per_group = ("num_key_value_heads", "kvHeads", lambda _hidden, heads: heads)
    given = sizes_of(text_type, head_dim=20)
    return {
        "modules": modules_of(text_type),
        "hidden": constant(text_type, "hidden_size", "hidden"),
        "intermediate": constant(text_type, "intermediate_size", "intermediate"),
        "layers": constant(text_type, "num_hidden_layers", "layers"),
        "heads": constant(text_type, "num_attention_heads", "heads"),
        "kvHeads": {"missing": rule(text_type, *per_group, ...), "null": rule(text_type, *per_group, None)},
        "headDim": {
            "missing": rule(text_type, *per_head, ...),
            "null": rule(text_type, *per_head, None),
            "ignored": given["headDim"] != 20,
        },
    }


def wrapper(name):
    print(name, file=sys.stderr)
    texts, vision = WRAPPERS[name]
    model = build(wrapped(name, tiny(texts[0])))
    layer = next(path for path in linear_modules(model) if path.endswith(".0.self_attn.o_proj"))
    untyped = build(wrapped(name, tiny(texts[0], model_type=...)))
    flat = build({**tiny(texts[0]), "model_type": name, "vision_config": dict(vision)})
    (encoder,) = (child for child, _ in model.model.named_children() if child.startswith("vis"))
    return {
        "texts": texts,
        "untyped": untyped.config.get_text_config().model_type,
        "flat": flat.config.get_text_config().hidden_size == tiny(texts[0])["hidden_size"],
        "layersPath": layer.removesuffix(".0.self_attn.o_proj"),
        "imageEncoder": encoder,
    }


def literal(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key}: {literal(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)


def table(entries):
    return "".join(f"  {name}: {literal(entry)},\n" for name, entry in entries.items())


text = {name: family(name) for name in TEXT}
wrappers = {name: wrapper(name) for name in WRAPPERS}
OUTPUT.write_text(f"""/**
 * Written by scripts/base-families.py, which measured it with transformers {transformers.__version__}. Change that script, not this file.
 */

/** How a family fills in a size that its config.json lacks, or has as null. */
export interface Missing {{
  /**
   * A number; 'derived' from other sizes (key–value heads: the heads; head dimension: hidden size / heads); null where
   * transformers makes no model.
   */
  missing: number | 'derived' | null;
  null: number | 'derived' | null;
}}

/** A family of language models: its modules, and transformers' sizes where config.json has none. */
export interface TextFamily {{
  /** 'separate' q, k, v, o, up, gate, down; 'fused' qkv, o, gate_up, down; 'attention': q, k, v, o beside experts. */
  modules: 'separate' | 'fused' | 'attention';
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: Missing;
  /** `ignored`: always hidden size / heads, whatever the file has. */
  headDim: Missing & {{ ignored: boolean }};
}}

/** A family of models that wrap a language model beside an image encoder. */
export interface WrapperFamily {{
  /** `model_type` of the language models it takes, in `text_config`. */
  texts: readonly string[];
  /** The one it takes where `text_config` has no `model_type`. */
  untyped: string;
  /** Whether a file without `text_config` describes the language model at its top level. */
  flat: boolean;
  layersPath: string;
  /** Module that holds the image encoder. */
  imageEncoder: string;
}}

/** By `model_type`. */
export const TEXT_FAMILIES: Readonly<Record<string, TextFamily>> = {{
{table(text)}}};

/** By `model_type`. */
export const WRAPPER_FAMILIES: Readonly<Record<string, WrapperFamily>> = {{
{table(wrappers)}}};
""")
print(f"wrote {OUTPUT}: {len(text)} families, {len(wrappers)} wrappers", file=sys.stderr)
