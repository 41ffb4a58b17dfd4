"""Qwen2.5-0.5B as an adapter sees it."""

from report import HERE

BASE = HERE / "qwen2.5-0.5b.json"
# width of the base's side of each module: A is [8, in], B is [out, 8]
WIDTHS = {
    "self_attn.q_proj": (896, 896),
    "self_attn.k_proj": (896, 128),
    "self_attn.v_proj": (896, 128),
    "self_attn.o_proj": (896, 896),
    "mlp.up_proj": (896, 4864),
    "mlp.gate_proj": (896, 4864),
    "mlp.down_proj": (4864, 896),
}
